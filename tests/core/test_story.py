"""An order's story, told from the journal's rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct

from daemon.core.job import JobKind, JobState, remedy
from daemon.core.journal import Data, Entry, Kind, Scalar
from daemon.core.story import Story, Subject, tell
from daemon.core.telling import sentence
from daemon.views import AccountView, JobView, LinkView
from orderferry import Stage

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ID = "29738e61-7f6a-11e8-ac45-09db60ede9d6"


def at(**span: float) -> str:
    return (NOW + timedelta(**span)).isoformat()


def row(kind: Kind, job: int | None = None, account: str | None = "my-shop", **data: Scalar | list[str]) -> Entry:
    return of(kind, job, data, account)


def of(kind: Kind, job: int | None, data: Data, account: str | None = "my-shop") -> Entry:
    return Entry(id=1, at=NOW, kind=kind, order=12, account=account, job=job, data=data)


def job(state: JobState, kind: JobKind = JobKind.ADD_ORDER, number: int = 17, **more: object) -> JobView:
    values: dict[str, Any] = {
        "id": number,
        "order": 12,
        "external_id": ID,
        "account": "my-shop",
        "kind": kind.value,
        "state": state.value,
        "due": NOW + timedelta(minutes=4),
        "attempt": 1,
        "made_at": NOW,
    }
    return JobView(**values | more)


def link() -> LinkView:
    return LinkView(account="my-shop", shop_order="88", number="1044", reference="k3v9-12", since=NOW)


def account(health: str, problem: str | None = None, remedy: str | None = None) -> AccountView:
    return AccountView(
        name="my-shop",
        platform="woocommerce",
        role="shop",
        health=health,
        problem=problem,
        remedy=remedy,
        poll_every="5m",
    )


def story(
    *jobs: JobView,
    stage: Stage = Stage.READY,
    entries: tuple[Entry, ...] = (),
    links: tuple[LinkView, ...] = (),
    accounts: dict[str, AccountView] | None = None,
    held: str | None = None,
) -> Story:
    subject = Subject(
        id=12, account="allegro-main", external_id=ID, stage=stage.value, status="new", held=held, merged_into=None
    )
    return tell(subject, entries, jobs, links, NOW, accounts=accounts)


FULL: Data = {
    "external_id": ID,
    "stage": "ready",
    "was_stage": "placed",
    "status": "packing",
    "was": "new",
    "total": "34.67 PLN",
    "fields": ["lines", "delivery"],
    "reason": "it is bad",
    "into": 13,
    "text": "a line has no product",
    "uid": 1000,
    "file": "orders-20261126T231500Z.db",
    "key": "0a1b2c3d",
    "orders": 12,
    "paid": True,
    "amount": "34.67",
    "carrier": "INPOST",
    "number": "620001",
    "reference": "k3v9-12",
    "shop_orders": ["88", "89"],
    "what": "add_order",
    "due": at(minutes=1),
    "why": "the delivery form is complete",
    "attempt": 3,
    "error": "connection reset",
    "until": at(seconds=30),
    "look_at": at(seconds=2),
    "settled_at": at(seconds=420),
    "found": True,
    "shop_order": "88",
    "command": "orderferry retry 17",
    "by": 18,
    "how": "send_again",
    "new": 3,
    "changed": 1,
    "malformed": 1,
    "version": "0.1.0",
    "in_doubt": 2,
    "stock_fell": True,
    "sweep": True,
}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_its_sentence(kind: Kind) -> None:
    full = sentence(of(kind, 17, FULL))
    bare = sentence(Entry(at=NOW, kind=kind))
    for text in (full, bare):
        assert text[0].isupper() or text.startswith("my-shop")
        assert text.endswith(".")
        assert "None" not in text
        assert "  " not in text
        assert ".." not in text
    if kind is not Kind.STORE_RECOVERED and kind is not Kind.DAEMON_STOPPING:
        assert full != bare, "its data must be told"


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("value", ["", "x", 0, -1, True, [], ["a"], "2026-13-45T99:00:00", "2026-11-23T09:00:00"])
def test_no_data_however_odd_breaks_a_sentence(kind: Kind, value: Scalar | list[str]) -> None:
    odd: Data = dict.fromkeys(FULL, value)
    assert sentence(of(kind, 17, odd))


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (
            row(Kind.ORDER_NEW, account="allegro-main", external_id="A-1", stage="placed", total="34.67 PLN"),
            "It came from allegro-main as A-1: 34.67 PLN, its delivery form is not complete yet.",
        ),
        (
            row(Kind.ORDER_CHANGED, account="allegro-main", fields=["delivery"], stage="ready", was_stage="placed"),
            "It is ready on allegro-main, was placed: its delivery form is complete. Changed: delivery.",
        ),
        (
            row(Kind.JOB_MADE, 17, what="add_order", due=at(), why="the delivery form is complete"),
            "Job 17 was made, to put it into my-shop, due at once: the delivery form is complete.",
        ),
        (
            row(Kind.JOB_DONE, 17, what="add_order", attempt=2, number="1044", total="34.67 PLN", stock_fell=True),
            "It is in my-shop as order 1044 on try 2, for 34.67 PLN; the stock fell.",
        ),
        (
            row(Kind.JOB_DONE, 18, what="set_status", attempt=1, status="processing"),
            "Job 18 is done, to tell my-shop its status: processing.",
        ),
        (
            row(Kind.JOB_LATER, 17, what="add_order", error="connection refused.", until=at(seconds=30)),
            "Job 17, to put it into my-shop, could not be done: connection refused. It is tried again in 30 s.",
        ),
        (
            row(Kind.JOB_UNSURE, 17, error="cut off", look_at=at(seconds=2), settled_at=at(minutes=7)),
            (
                "The answer of my-shop was lost: cut off. Nobody knows yet whether job 17 was done there. "
                "It is looked up in 2 s, and not sent again before the shop has had its time (in 7 min)."
            ),
        ),
        (
            row(Kind.JOB_LOOKED, 17, found=False, settled_at=at(minutes=5)),
            "my-shop was searched for it: it is not there; it may still come there within 5 min.",
        ),
        (row(Kind.JOB_LOOKED, 17, found=False, settled_at=at()), "my-shop was searched for it: it is not there."),
        (
            row(Kind.JOB_LOOKED, 17, found=True, shop_order="88"),
            "my-shop was searched for it: it is there, as order 88.",
        ),
        (
            row(Kind.JOB_RESOLVED, 17, how="found", shop_order="88", uid=1000),
            "User 1000 found it in my-shop as order 88, which settles job 17.",
        ),
        (
            row(Kind.JOB_RESOLVED, 17, how="send_again", uid=0),
            "User 0 looked: it is not in my-shop, so job 17 sends it again.",
        ),
        (
            row(Kind.JOB_RESOLVED, 17, how="not_there", uid=0),
            "User 0 looked: nothing of it is in my-shop, which settles job 17.",
        ),
        (
            row(Kind.JOB_KEPT, 17, what="add_order", why="its adding had begun"),
            "Job 17, to put it into my-shop, goes on: its adding had begun.",
        ),
        (row(Kind.PAYMENT_SET, paid=True), "my-shop told us that it is paid."),
        (
            row(Kind.PAYMENT_SET, None, None, paid=False, uid=1000),
            "User 1000 told us that it is not paid.",
        ),
        (
            row(Kind.DOUBLE_FOUND, shop_orders=["88", "89"]),
            "my-shop holds it more than once, as orders 88, 89: look there, and cancel all but one.",
        ),
    ],
)
def test_sentences(entry: Entry, text: str) -> None:
    assert sentence(entry) == text


def test_what_is_done_leaves_nothing_to_do() -> None:
    told = story(job(JobState.DONE), links=(link(),), entries=(row(Kind.JOB_DONE, 17, what="add_order"),))
    assert told.summary == "It is ready. It stands in my-shop as order 1044. Its status is new."
    assert told.next == ("Nothing is left to be done.",)
    assert told.commands == ()
    assert [step.at for step in told.steps] == [NOW]


def test_a_placed_order_may_be_forwarded_by_hand() -> None:
    told = story(stage=Stage.PLACED)
    assert "not complete" in told.summary
    assert told.commands == ("orderferry forward 12",)


def test_a_held_order_says_why_and_how_it_goes_on() -> None:
    told = story(held="the marketplace ships it from its own stock")
    assert told.next == ("It is not forwarded by itself: the marketplace ships it from its own stock.",)
    assert told.commands == ("orderferry forward 12",)


@pytest.mark.parametrize("stage", [Stage.CANCELLED, Stage.MERGED])
def test_an_order_that_is_over_offers_nothing(stage: Stage) -> None:
    assert story(stage=stage).commands == ()


def test_a_refused_job_is_retried() -> None:
    told = story(
        job(JobState.PARKED, reason="the SKU is unknown", remedy=remedy(17, JobKind.ADD_ORDER, in_doubt=False))
    )
    assert "waits for you: the SKU is unknown" in told.next[0]
    assert told.commands == ("orderferry retry 17",)


def test_a_parked_doubt_is_resolved_and_never_just_retried() -> None:
    told = story(job(JobState.PARKED, reason="nobody knows", remedy=remedy(17, JobKind.ADD_ORDER, in_doubt=True)))
    assert "Look into my-shop first" in told.next[0]
    assert told.commands == ("orderferry resolve 17 --shop-order N", "orderferry resolve 17 --send-again")


@pytest.mark.parametrize("stage", [Stage.CANCELLED, Stage.MERGED])
def test_what_was_called_off_half_made_is_looked_for_and_not_sent_again(stage: Stage) -> None:
    half = job(JobState.PARKED, reason="a part of it may stand", remedy=remedy(17, JobKind.ADD_ORDER, in_doubt=True))
    told = story(half, stage=stage)
    assert "if nothing is, say so, and nothing is sent" in told.next[0]
    assert told.commands == ("orderferry resolve 17 --shop-order N", "orderferry resolve 17 --send-again")


def test_a_parked_doubt_is_known_from_the_journal_too() -> None:
    parked = row(Kind.JOB_PARKED, 17, what="add_order", command=remedy(17, JobKind.ADD_ORDER, in_doubt=True))
    told = story(job(JobState.PARKED), entries=(parked,))
    assert told.commands == ("orderferry resolve 17 --shop-order N", "orderferry resolve 17 --send-again")


def test_an_unsure_job_settles_itself_and_may_be_settled() -> None:
    told = story(job(JobState.UNSURE, due=NOW + timedelta(seconds=20), reason="the answer was cut off"))
    assert "searched there in 20 s" in told.next[0]
    assert "An answer was lost" in told.summary
    assert told.commands == ("orderferry resolve 17 --shop-order N", "orderferry resolve 17 --send-again")


def test_an_unsure_status_is_not_resolved_by_hand() -> None:
    assert story(job(JobState.UNSURE, JobKind.SET_STATUS), links=(link(),)).commands == ()


@pytest.mark.parametrize(
    ("accounts", "entries"),
    [
        ({"my-shop": account("needs_login", "401", "orderferry login my-shop")}, ()),
        (None, (row(Kind.ACCOUNT_NEEDS_LOGIN, error="401", command="orderferry login my-shop"),)),
        (None, (row(Kind.ACCOUNT_NEEDS_LOGIN, error="401"),)),
    ],
)
def test_an_account_without_login_is_named_with_its_command(
    accounts: dict[str, AccountView] | None, entries: tuple[Entry, ...]
) -> None:
    told = story(job(JobState.WAITING), accounts=accounts, entries=entries)
    assert told.next == ("Job 17, to put it into my-shop, waits: my-shop wants a login first (401).",)
    assert told.commands == ("orderferry login my-shop",)


def test_of_a_sentence_about_what_helps_the_commands_are_taken() -> None:
    helps = "orderferry login my-shop, or mend its keys in config.toml; then orderferry resume my-shop"
    told = story(job(JobState.WAITING), accounts={"my-shop": account("needs_login", "401", helps)})
    assert told.commands == ("orderferry login my-shop", "orderferry resume my-shop")
    assert "mend its keys" in told.next[0]


def test_an_account_that_came_back_is_no_trouble() -> None:
    entries = (row(Kind.ACCOUNT_DOWN, error="refused"), row(Kind.ACCOUNT_UP))
    told = story(job(JobState.WAITING), entries=entries)
    assert told.next == ("Job 17, to put it into my-shop, is done in 4 min.",)
    assert told.commands == ()


def test_a_paused_account_is_resumed() -> None:
    told = story(job(JobState.WAITING), accounts={"my-shop": account("paused")})
    assert told.commands == ("orderferry resume my-shop",)


def test_each_job_kind_has_words() -> None:
    jobs = [job(JobState.WAITING, kind, number) for number, kind in enumerate(JobKind)]
    told = story(*jobs, links=(link(),))
    assert len(set(told.next)) == len(JobKind)
    assert f"{len(JobKind)} jobs are under way" in told.summary


class Odd(Struct):
    id: int = 5
    account: str = "my-shop"
    kind: str = "add_order"
    state: str = "sending"
    due: datetime = NOW
    reason: str | None = None
    remedy: str | None = None


def test_anything_of_the_shape_of_a_job_will_do() -> None:
    subject = Subject(id=1, account="a", external_id="x", stage="ready", status="new")
    assert tell(subject, (), (Odd(),), (), NOW).next == ("Job 5, to put it into my-shop, is under way.",)


def test_a_doubtful_mail_is_looked_for_and_never_just_retried() -> None:
    helps = remedy(17, JobKind.SEND_MAIL, in_doubt=True)
    told = story(job(JobState.PARKED, JobKind.SEND_MAIL, reason="nobody knows", remedy=helps), links=(link(),))
    assert told.next[0] == (
        "Job 17, to thank the buyer by mail, waits for you: nobody knows. "
        "Look first whether it went out: sent again, it would come twice."
    )
    assert told.commands == ("orderferry resolve 17 --sent", "orderferry resolve 17 --send-again")


def test_a_mail_that_was_refused_is_retried() -> None:
    helps = remedy(17, JobKind.SEND_MAIL, in_doubt=False)
    told = story(job(JobState.PARKED, JobKind.SEND_MAIL, reason="no such user", remedy=helps), links=(link(),))
    assert told.commands == ("orderferry retry 17",)


@pytest.mark.parametrize(
    ("kind", "data", "says"),
    [
        (
            Kind.JOB_MADE,
            {"why": "the order is ready"},
            "Job 17 was made, to thank the buyer by mail: the order is ready.",
        ),
        (Kind.JOB_DONE, {"attempt": 1}, "The mail server took the mail that thanks the buyer."),
        (Kind.JOB_DONE, {"attempt": 3}, "The mail server took the mail that thanks the buyer on try 3."),
        (
            Kind.JOB_RESOLVED,
            {"how": "sent", "uid": 1000},
            "User 1000 told us that the mail went out, which settles job 17.",
        ),
        (
            Kind.JOB_RESOLVED,
            {"how": "send_again", "uid": 1000},
            "User 1000 told us that the mail did not go out, so job 17 sends it again.",
        ),
        (
            Kind.JOB_CANCELLED,
            {"why": "the order is cancelled"},
            "Job 17, to thank the buyer by mail, is no longer wanted: the order is cancelled.",
        ),
    ],
)
def test_what_happened_to_a_mail_is_told(kind: Kind, data: Data, says: str) -> None:
    assert sentence(of(kind, 17, {"what": "send_mail", **data}, "mail")) == says
