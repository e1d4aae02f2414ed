"""Routing: what is owed to whom follows from the state alone, and asking again changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.core.job import JobKind, JobState
from daemon.core.routing import Owed, State, Sync, Target, Told, came_before, functions, reconcile, syncs
from daemon.core.ticking import FOUR_HOURLY, HOURLY, IMMEDIATE, Every, next_tick
from orderferry import Capability, Role, Stage

from .conftest import T0

DAY = timedelta(days=1)
ALLEGRO = Target(
    name="allegro",
    role=Role.MARKETPLACE,
    capabilities=Capability.FETCH_ORDERS | Capability.SET_STATUS | Capability.SET_TRACKING,
    statuses={"new": "NEW", "sent": "SENT", "cancelled": "CANCELLED"},
    added_at=T0 - DAY,
)
SHOP = Target(
    name="shop",
    role=Role.SHOP,
    capabilities=Capability.ADD_ORDER
    | Capability.FIND_ORDER
    | Capability.SET_STATUS
    | Capability.SET_PAYMENT
    | Capability.SET_TRACKING,
    forwards=True,
    statuses={"new": "processing", "sent": "completed", "cancelled": "cancelled"},
    added_at=T0 - DAY,
)
TARGETS = {"allegro": ALLEGRO, "shop": SHOP}


def state(**changes: Any) -> State:  # any field of a state
    whole = State(account="allegro", stage=Stage.READY, status="new", ordered_at=T0, paid=True)
    return replace(whole, **changes)


def made(given_state: State, targets: dict[str, Target] | None = None) -> list[tuple[str, JobKind]]:
    return [(job.account, job.kind) for job in reconcile(given_state, targets or TARGETS, T0).make]


def test_a_ready_order_is_forwarded_at_once() -> None:
    plan = reconcile(state(), TARGETS, T0)
    assert [(job.account, job.kind, job.due) for job in plan.make] == [("shop", JobKind.ADD_ORDER, T0)]


@pytest.mark.parametrize("stage", [Stage.PLACED, Stage.CANCELLED, Stage.MERGED])
def test_an_order_in_any_other_stage_is_not(stage: Stage) -> None:
    assert made(state(stage=stage)) == []


def test_an_order_goes_to_every_shop_that_forwards_but_never_back_where_it_came_from() -> None:
    second, off = replace(SHOP, name="second"), replace(SHOP, name="off", forwards=False)
    targets = {"shop": SHOP, "second": second, "off": off}
    assert made(state(account="shop", ordered_at=T0), targets) == [("second", JobKind.ADD_ORDER)]


def test_an_order_that_is_in_the_shop_is_not_added_again() -> None:
    assert made(state(told={"shop": Told(status="processing", paid=True)})) == []


@pytest.mark.parametrize("job_state", [JobState.WAITING, JobState.SENDING, JobState.UNSURE, JobState.PARKED])
def test_an_order_with_an_unfinished_job_gets_no_second_one(job_state: JobState) -> None:
    owed = (Owed(id=1, account="shop", kind=JobKind.ADD_ORDER, state=job_state),)
    assert made(state(owed=owed)) == []


@pytest.mark.parametrize("stage", [Stage.CANCELLED, Stage.MERGED, Stage.PLACED])
@pytest.mark.parametrize("job_state", [JobState.WAITING, JobState.PARKED])
def test_cancelled_before_forwarding_is_never_forwarded(stage: Stage, job_state: JobState) -> None:
    owed = (Owed(id=7, account="shop", kind=JobKind.ADD_ORDER, state=job_state),)
    assert [drop.job for drop in reconcile(state(stage=stage, owed=owed), TARGETS, T0).drop] == [7]


@pytest.mark.parametrize("job_state", [JobState.SENDING, JobState.UNSURE])
def test_a_request_that_may_have_left_is_not_dropped(job_state: JobState) -> None:
    owed = (Owed(id=7, account="shop", kind=JobKind.ADD_ORDER, state=job_state),)
    assert reconcile(state(stage=Stage.CANCELLED, owed=owed), TARGETS, T0).drop == ()


def half_made(stage: Stage, job_state: JobState = JobState.WAITING, **changes: Any) -> State:  # any field of a job
    """An order that is called off when a part of it may stand in the shop."""
    job = Owed(id=7, account="shop", kind=JobKind.ADD_ORDER, state=job_state, begun_as="processing")
    return state(stage=stage, status="cancelled" if stage in GONE else "new", owed=(replace(job, **changes),))


GONE = (Stage.CANCELLED, Stage.MERGED)
NO_STATUS = SHOP.capabilities & ~Capability.SET_STATUS


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Stage.CANCELLED, "was cancelled, so it is completed, and then cancelled there"),
        (Stage.MERGED, "was merged into another one, so it is completed, and then cancelled there"),
        (Stage.PLACED, "took back that the delivery form is complete, so it is completed"),
    ],
)
def test_an_order_whose_adding_has_begun_is_completed_and_never_dropped(stage: Stage, words: str) -> None:
    plan = reconcile(half_made(stage), TARGETS, T0)
    assert [keep.job for keep in plan.keep] == [7]
    assert plan.keep[0].why.endswith(words)
    assert (plan.drop, plan.park, plan.make) == ((), (), ())
    assert made(replace(half_made(stage), told={"shop": Told(status="processing", paid=True)}, owed=())) == (
        [("shop", JobKind.SET_STATUS)] if stage in GONE else []
    )


@pytest.mark.parametrize("stage", GONE)
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"capabilities": NO_STATUS}, "shop can't do this"),
        ({"sync": Sync(status=Every(None))}, "switched off"),
        ({"statuses": {}}, "no status is mapped"),
        ({"statuses": {"new": "processing"}}, "the status cancelled is not mapped"),
        ({"statuses": {"new": "processing", "cancelled": "processing"}}, "would stay the same"),
    ],
)
@pytest.mark.parametrize("job_state", [JobState.WAITING, JobState.PARKED])
def test_it_waits_for_a_person_where_the_shop_would_not_learn_that_it_is_cancelled(
    stage: Stage, changes: dict[str, Any], why: str, job_state: JobState
) -> None:
    plan = reconcile(half_made(stage, job_state), {"shop": replace(SHOP, **changes)}, T0)
    assert [park.job for park in plan.park] == [7]
    assert why in plan.park[0].why
    assert (plan.drop, plan.keep, plan.make) == ((), (), ())


@pytest.mark.parametrize("stage", GONE)
def test_one_that_was_stuck_already_is_looked_at_by_a_person_and_then_left_alone(stage: Stage) -> None:
    assert [park.job for park in reconcile(half_made(stage, JobState.PARKED), TARGETS, T0).park] == [7]
    assert reconcile(half_made(stage, JobState.PARKED, doubtful=True), TARGETS, T0) == reconcile(
        state(stage=Stage.READY, owed=half_made(stage, JobState.PARKED, doubtful=True).owed), TARGETS, T0
    )


@given(
    st.sampled_from(list(Stage)),
    st.sampled_from([JobState.WAITING, JobState.SENDING, JobState.UNSURE, JobState.PARKED]),
    st.sampled_from(["new", "packing", "sent", "cancelled"]),
    st.sampled_from([None, "", "processing", "cancelled"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_what_may_stand_half_made_in_a_shop_is_never_dropped(  # noqa: PLR0917 - drawn by hypothesis, in this order
    stage: Stage, job_state: JobState, status: str, begun_as: str | None, doubtful: bool, by_hand: bool, tells: bool
) -> None:
    shop = SHOP if tells else replace(SHOP, capabilities=NO_STATUS)
    given_state = replace(
        half_made(stage, job_state, begun_as=begun_as, doubtful=doubtful, by_hand=by_hand), status=status
    )
    plan = reconcile(given_state, {"shop": shop}, T0)
    assert not plan.drop or begun_as is None
    assert len((*plan.drop, *plan.keep, *plan.park)) <= 1
    if begun_as is not None and stage in GONE and not tells and job_state is JobState.WAITING and not doubtful:
        assert plan.park


def test_an_order_forwarded_by_hand_before_it_was_ready_stays_wanted() -> None:
    owed = (Owed(id=7, account="shop", kind=JobKind.ADD_ORDER, state=JobState.WAITING, by_hand=True),)
    assert reconcile(state(stage=Stage.PLACED, owed=owed), TARGETS, T0).drop == ()


def test_cancelled_after_forwarding_takes_the_mapped_status_and_is_not_told_back_to_the_marketplace() -> None:
    told = {"shop": Told(status="processing", paid=True)}
    cancelled = state(stage=Stage.CANCELLED, status="cancelled", told=told)
    assert made(cancelled) == [("shop", JobKind.SET_STATUS)]


def test_a_status_goes_to_the_shop_and_to_the_marketplace_where_it_is_mapped() -> None:
    told = {"shop": Told(status="processing", paid=True)}
    assert made(state(status="sent", told=told)) == [("allegro", JobKind.SET_STATUS), ("shop", JobKind.SET_STATUS)]
    assert made(state(status="packing", told=told)) == []


def test_a_payment_goes_to_the_shop_alone() -> None:
    told = {"shop": Told(status="processing", paid=False)}
    assert made(state(paid=True, told=told)) == [("shop", JobKind.SET_PAYMENT)]


def test_a_payment_that_went_back_with_the_cancellation_is_not_told_beside_it() -> None:
    told = {"shop": Told(status="processing", paid=True), "allegro": Told(status="CANCELLED")}
    gone = state(stage=Stage.CANCELLED, status="cancelled", paid=False, told=told)
    assert made(gone) == [("shop", JobKind.SET_STATUS)]
    assert made(replace(gone, stage=Stage.READY, status="new"), {"shop": SHOP}) == [("shop", JobKind.SET_PAYMENT)]
    unmapped = {"shop": replace(SHOP, statuses={"new": "processing"})}
    assert made(gone, unmapped) == [("shop", JobKind.SET_PAYMENT)]  # nothing else tells this shop


def test_a_parcel_goes_to_both_sides_once() -> None:
    told = {"shop": Told(status="processing", paid=True), "allegro": Told(status="NEW", parcels=frozenset({"A"}))}
    parcels = frozenset({"A"})
    assert made(state(parcels=parcels, told=told)) == [("shop", JobKind.SET_TRACKING)]


def test_a_change_that_went_back_before_it_was_told_drops_its_job() -> None:
    told = {"shop": Told(status="processing", paid=True)}
    owed = (Owed(id=9, account="shop", kind=JobKind.SET_STATUS, state=JobState.WAITING),)
    assert [drop.job for drop in reconcile(state(told=told, owed=owed), TARGETS, T0).drop] == [9]


def test_changes_are_collected_as_long_as_the_account_says() -> None:
    told = {"shop": Told(status="processing", paid=True)}
    shop, tick = {"shop": SHOP}, next_tick(HOURLY, "shop", T0)
    assert [job.due for job in reconcile(state(status="sent", told=told), shop, T0).make] == [tick]
    unpaid = {"shop": Told(status="processing", paid=False)}
    assert reconcile(state(told=unpaid), shop, T0).make[0].due == next_tick(FOUR_HOURLY, "shop", T0)
    parcel = state(parcels=frozenset({"A"}), told=told)
    assert reconcile(parcel, shop, T0).make[0].due == T0
    at_once = {"shop": replace(SHOP, sync=Sync(status=IMMEDIATE))}
    assert reconcile(state(status="sent", told=told), at_once, T0).make[0].due == T0


def test_a_status_that_the_shop_moved_by_itself_is_told_again_at_once() -> None:
    moved = {"shop": Told(status=None, paid=True)}
    assert [(job.kind, job.due) for job in reconcile(state(told=moved), {"shop": SHOP}, T0).make] == [
        (JobKind.SET_STATUS, T0)
    ]


def test_an_account_is_asked_only_for_what_it_can() -> None:
    bare = replace(SHOP, capabilities=Capability.ADD_ORDER)
    told = {"shop": Told(status=None, paid=False)}
    assert made(state(status="sent", parcels=frozenset({"A"}), told=told), {"shop": bare}) == []
    assert syncs(bare)[JobKind.SET_STATUS] == "shop can't do this"
    assert syncs(replace(SHOP, forwards=False))[JobKind.ADD_ORDER] == "forwarding is off ([shops.shop.forward] enabled)"
    assert syncs(SHOP)[JobKind.ADD_ORDER] is None


OFF = Every(None)


@pytest.mark.parametrize(
    ("target", "kind", "reason"),
    [
        (replace(SHOP, sync=Sync(status=OFF)), JobKind.SET_STATUS, 'switched off ([shops.shop.sync] status = "off")'),
        (
            replace(SHOP, sync=Sync(payment=OFF)),
            JobKind.SET_PAYMENT,
            'switched off ([shops.shop.sync] payment = "off")',
        ),
        (replace(SHOP, sync=Sync(tracking=OFF)), JobKind.SET_TRACKING, '[shops.shop.sync] tracking = "off"'),
        (replace(ALLEGRO, sync=Sync(status=OFF)), JobKind.SET_STATUS, '[marketplaces.allegro.sync] status = "off"'),
        (replace(SHOP, statuses={}), JobKind.SET_STATUS, "no status is mapped"),
        (replace(SHOP, passes_payment=False), JobKind.SET_PAYMENT, "payment is not passed ([shops.shop.forward] pass)"),
        (
            replace(SHOP, capabilities=Capability.ADD_ORDER, missing={"set_status": "the key may only read"}),
            JobKind.SET_STATUS,
            "shop can't do this: the key may only read",
        ),
    ],
)
def test_what_does_not_apply_has_its_reason_and_makes_no_job(target: Target, kind: JobKind, reason: str) -> None:
    assert reason in (syncs(target)[kind] or "")
    changed = state(
        account="elsewhere", status="sent", parcels=frozenset({"A"}), told={target.name: Told(status="x", paid=False)}
    )
    assert kind not in {job.kind for job in reconcile(changed, {target.name: target}, T0).make}


def test_the_table_of_functions_says_when_or_why_not() -> None:
    table = {row.name: row for row in functions(replace(SHOP, fetches=False), "1h")}
    assert {name: row.when for name, row in table.items()} == {
        "orders are fetched": None,
        "orders are put in": "at once",
        "paid or not is read back": None,
        "paid or not is told": "every 4h",
        "status is told": "every 1h",
        "tracking numbers are told": "at once",
    }
    assert all((row.when is None) != (row.why_not is None) for row in table.values())
    reads = replace(SHOP, capabilities=SHOP.capabilities | Capability.FETCH_ORDERS | Capability.PAYMENT_READ)
    table = {row.name: row for row in functions(reads, "1h")}
    assert (table["orders are fetched"].when, table["paid or not is read back"].when) == ("every 1h", "with each fetch")
    by_hand = functions(replace(reads, fetches=False), "1h")[0]
    assert by_hand.when == "only by `orderferry fetch shop`"
    assert [row.name for row in functions(ALLEGRO, "30s")] == [
        "orders are fetched", "status is told", "tracking numbers are told",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "source", "reason"),
    [
        ({"ships_itself": True}, {}, "own stock"),
        ({"ordered_at": T0 - DAY * 3}, {"forward_since": T0 - DAY * 2}, "forward_since"),
        ({"ordered_at": T0 - DAY * 3, "shipped": True}, {}, "bought and shipped before"),
    ],
)
def test_some_ready_orders_are_shown_but_wait_for_a_person(
    changes: dict[str, Any], source: dict[str, Any], reason: str
) -> None:
    plan = reconcile(state(**changes), {**TARGETS, "allegro": replace(ALLEGRO, **source)}, T0)
    assert plan.make == ()
    assert plan.held is not None
    assert reason in plan.held


def test_what_holds_an_order_can_be_switched_off() -> None:
    lets = {**TARGETS, "allegro": replace(ALLEGRO, forward_marketplace_stock=True)}
    assert made(state(ships_itself=True), lets) == [("shop", JobKind.ADD_ORDER)]


def test_an_old_order_that_still_waits_to_be_shipped_is_forwarded() -> None:
    assert made(state(ordered_at=T0 - DAY * 30)) == [("shop", JobKind.ADD_ORDER)]


@given(
    st.sampled_from(list(Stage)),
    st.sampled_from(["new", "packing", "sent", "cancelled"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_doing_what_the_plan_says_leaves_nothing_to_do(
    stage: Stage, status: str, paid: bool, linked: bool, parcel: bool
) -> None:
    told = {"shop": Told(status="processing", paid=False)} if linked else {}
    now = state(stage=stage, status=status, paid=paid, told=told, parcels=frozenset({"A"}) if parcel else frozenset())
    for _ in range(4):
        plan = reconcile(now, TARGETS, T0)
        reached = dict(now.told)
        for job in plan.make:
            target = TARGETS[job.account]
            before = reached.get(job.account, Told(status=target.statuses["new"], paid=now.paid))
            reached[job.account] = {
                JobKind.ADD_ORDER: replace(before, status=target.statuses.get(now.status), paid=now.paid),
                JobKind.SET_STATUS: replace(before, status=target.statuses.get(now.status)),
                JobKind.SET_PAYMENT: replace(before, paid=now.paid),
                JobKind.SET_TRACKING: replace(before, parcels=now.parcels),
            }[job.kind]
        now = replace(now, told=reached)
    assert reconcile(now, TARGETS, T0).make == ()


def test_the_same_question_has_the_same_answer(t0: datetime) -> None:
    assert reconcile(state(), TARGETS, t0) == reconcile(state(), TARGETS, t0)


def test_what_was_ready_before_forwarding_was_switched_on_is_left_to_the_seller() -> None:
    shop = replace(SHOP, forwards_since=T0)
    before, after = state(ready_at=T0 - DAY), state(ready_at=T0 + DAY)
    assert made(before, {"shop": shop}) == []
    assert "before forwarding into shop was switched on" in (came_before(before, shop) or "")
    assert made(after, {"shop": shop}) == [("shop", JobKind.ADD_ORDER)]
    by_hand = Owed(id=1, account="shop", kind=JobKind.ADD_ORDER, state=JobState.WAITING, by_hand=True)
    assert reconcile(replace(before, owed=(by_hand,)), {"shop": shop}, T0).drop == ()


THANKING = {**TARGETS, "allegro": replace(ALLEGRO, thanks_since=T0)}


def mails(given_state: State, targets: dict[str, Target] | None = None) -> list[tuple[str, JobKind]]:
    return [job for job in made(given_state, targets or THANKING) if job[1] is JobKind.SEND_MAIL]


def test_a_ready_order_is_thanked_for_where_its_account_says_so() -> None:
    assert mails(state(has_email=True)) == [("mail", JobKind.SEND_MAIL)]
    assert mails(state(has_email=True), TARGETS) == []
    assert mails(state(has_email=True, account="shop")) == []
    assert mails(state(has_email=True, account="gone")) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"has_email": False},
        {"thanked": True},
        {"stage": Stage.PLACED},
        {"stage": Stage.CANCELLED},
        {"stage": Stage.MERGED},
        {"ordered_at": T0.replace(hour=0) - timedelta(microseconds=1)},
    ],
)
def test_it_is_not_thanked_for_otherwise(changes: dict[str, Any]) -> None:
    assert mails(state(**{"has_email": True, **changes})) == []


def test_an_order_of_the_first_day_is_thanked_for_also_from_its_beginning() -> None:
    assert mails(state(has_email=True, ordered_at=T0.replace(hour=0)))


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("job_state", [JobState.WAITING, JobState.SENDING, JobState.UNSURE, JobState.PARKED])
@pytest.mark.parametrize("doubtful", [True, False])
def test_a_mail_is_dropped_where_the_order_is_gone_and_it_certainly_did_not_go_out(
    stage: Stage, job_state: JobState, *, doubtful: bool
) -> None:
    owed = (Owed(id=5, account="mail", kind=JobKind.SEND_MAIL, state=job_state, doubtful=doubtful),)
    dropped = reconcile(state(stage=stage, has_email=True, thanked=True, owed=owed), THANKING, T0).drop
    gone = stage in {Stage.CANCELLED, Stage.MERGED}
    assert [drop.job for drop in dropped] == (
        [5] if gone and job_state in {JobState.WAITING, JobState.PARKED} and not doubtful else []
    )
