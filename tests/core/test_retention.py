"""When an order is over, how long its buyer's data is kept, and what an erased order is still owed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import persons
from daemon.core.job import JobKind, JobState
from daemon.core.retention import NEEDS_BUYER, Keeps, begins_anew, ended, final_since, is_final, without_buyer
from daemon.core.routing import Owed, Plan, State, Target, reconcile
from daemon.core.statuses import Ladder, Rules
from orderferry import Capability, Role, Stage
from orderferry.testing.clock import START
from tests.daemon.engine import order

KEYS = ("new", "packing", "sent", "delivered", "cancelled", "returned")
LADDER = Ladder(keys=KEYS, rules=Rules(parcel_sent="sent"))
NO_RULE = Ladder(keys=KEYS)
LATER = START + timedelta(days=3)


@pytest.mark.parametrize(
    ("stage", "status", "ladder", "facts", "over"),
    [
        (Stage.READY, "new", LADDER, {}, False),
        (Stage.READY, "packing", LADDER, {}, False),
        (Stage.READY, "sent", LADDER, {}, True),
        (Stage.READY, "returned", LADDER, {}, True),
        (Stage.READY, "cancelled", LADDER, {}, True),
        (Stage.PLACED, "new", LADDER, {}, False),
        (Stage.CANCELLED, "new", LADDER, {}, True),
        (Stage.MERGED, "new", LADDER, {}, True),
        (Stage.READY, "new", LADDER, {"shipped": True}, True),
        (Stage.READY, "packing", LADDER, {"has_parcel": True}, False),
        (Stage.READY, "new", NO_RULE, {"has_parcel": True}, True),
        (Stage.READY, "sent", NO_RULE, {}, False),
        (Stage.READY, "of old settings", LADDER, {}, False),
    ],
)
def test_an_order_is_over_when_it_is_sent_or_called_off(
    stage: Stage, status: str, ladder: Ladder, facts: dict[str, bool], over: bool
) -> None:
    given = {"shipped": False, **facts}
    assert is_final(stage, status, ladder, unfinished=False, **given) == over
    assert not is_final(stage, status, ladder, unfinished=True, **given)


def state(**changes: object) -> State:
    whole = {"account": "market", "stage": Stage.READY, "status": "sent", "ordered_at": START, "paid": True}
    return State(**(whole | changes))  # type: ignore[arg-type] # any of its fields


def test_the_time_runs_from_the_end_and_anew_from_a_second_end() -> None:
    assert final_since(None, state(), LADDER, START) == START
    assert final_since(START, state(), LADDER, LATER) == START
    moved = state(owed=(Owed(id=1, account="shop", kind=JobKind.SET_STATUS, state=JobState.PARKED),))
    assert final_since(START, moved, LADDER, LATER) is None
    assert final_since(None, state(), LADDER, LATER) == LATER


def test_the_shortest_of_what_account_and_platform_say_holds() -> None:
    days = [timedelta(days=number) for number in range(100)]
    keeps = Keeps(general=days[60], by_account={"a": days[5], "b": days[90]}, longest={"amazon": days[30]})
    assert keeps.of("a", "amazon") == days[5]
    assert keeps.of("b", "ebay") == days[90]
    assert keeps.of("b", "amazon") == keeps.of("no longer in the settings", "amazon") == days[30]
    assert keeps.of("new", "ebay") == days[60]


@pytest.mark.parametrize("was", list(Stage))
@pytest.mark.parametrize("now", list(Stage))
def test_a_purchase_begins_anew_only_where_its_stage_opens_it(was: Stage, now: Stage) -> None:
    opens = now in {Stage.PLACED, Stage.READY} and was is not now
    assert begins_anew(was, now, shipped=False, in_a_shop=False) == opens
    assert not begins_anew(was, now, shipped=True, in_a_shop=False)
    assert not begins_anew(was, now, shipped=False, in_a_shop=True)


SHOP = Target(
    name="shop",
    role=Role.SHOP,
    capabilities=~Capability.NONE,
    forwards=True,
    statuses={"sent": "completed", "cancelled": "cancelled"},
    added_at=START,
)
OWED = st.builds(
    Owed,
    id=st.integers(1, 9),
    account=st.just("shop"),
    kind=st.sampled_from(list(JobKind)),
    state=st.sampled_from([JobState.WAITING, JobState.PARKED, JobState.UNSURE, JobState.SENDING]),
    by_hand=st.booleans(),
    doubtful=st.booleans(),
    begun_as=st.none() | st.just("processing"),
)


@given(st.sampled_from(list(Stage)), st.sampled_from(KEYS), st.lists(OWED, max_size=4, unique_by=lambda job: job.kind))
def test_an_erased_order_is_never_owed_what_needs_its_buyer(stage: Stage, status: str, owed: list[Owed]) -> None:
    given = state(stage=stage, status=status, owed=tuple({job.id: job for job in owed}.values()), has_email=True)
    plan = without_buyer(reconcile(given, {"shop": SHOP}, START), given)
    assert not [job for job in plan.make if job.kind in NEEDS_BUYER]
    adding = [job for job in given.owed if job.kind is JobKind.ADD_ORDER]
    ends = [drop.job for drop in plan.drop] + [park.job for park in plan.park]
    assert len(ends) == len(set(ends))
    for job in adding:
        left_alone = job.doubtful or job.state in {JobState.UNSURE, JobState.SENDING}
        assert (job.id in ends) != left_alone
        assert (job.id in [park.job for park in plan.park]) == (job.begun_as is not None and not left_alone)
    assert not [keep for keep in plan.keep if keep.job in {job.id for job in adding}]


def test_without_anything_owed_nothing_is_left() -> None:
    assert without_buyer(Plan(), state()) == Plan()
    assert ended(state(), LADDER)


PERSON = order(1)


@pytest.mark.parametrize("text", ["canary@example.org", "CANARY@Example.org", "anna", " Anna "])
def test_a_person_is_found_by_address_or_login(text: str) -> None:
    assert persons.fits(PERSON, "market", persons.wanted(text))


@pytest.mark.parametrize("text", ["anary@example.org", "canary@example.or", "ann", "Poznań", ""])
def test_nobody_else_is(text: str) -> None:
    assert not persons.fits(PERSON, "market", persons.wanted(text))


@pytest.mark.parametrize("text", ["+48 600 100 200", "600100200", "0048600100200", "(600) 100-200"])
def test_a_telephone_number_is_the_same_however_it_is_written(text: str) -> None:
    assert persons.phone(text) == persons.phone("+48600100200") == "600100200"
    assert persons.phone("12345") is persons.phone("anna") is None


def test_a_login_counts_on_its_account_alone() -> None:
    wanted = persons.Wanted(logins=frozenset({"anna"}), account="market")
    assert persons.fits(PERSON, "market", wanted)
    assert not persons.fits(PERSON, "another", wanted)


def test_the_buyer_of_an_order_is_looked_for_by_address_or_else_by_login() -> None:
    assert persons.fits(order(2), "another", persons.of(PERSON, "market"))
    assert persons.occurs(b'{"email": "Canary@example.org"', "market", persons.of(PERSON, "market"))
    assert not persons.occurs(b"{}", "market", persons.of(PERSON, "market"))
