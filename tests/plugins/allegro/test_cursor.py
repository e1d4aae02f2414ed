"""What is asked next, as values; and that whatever the journal does, every form arrives in its newest state."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.allegro import cursor
from plugins.allegro.cursor import Hint, Leg, Position, Reach, Reading, Sweep

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERY = timedelta(minutes=15)
DONE = Position(event="9", swept_at=NOW, looked_back_at=NOW)


def legs(position: Position) -> tuple[Leg, ...]:
    assert position.sweep is not None
    return position.sweep.legs


def test_an_account_begins_with_the_newest_event_and_the_whole_window() -> None:
    position = cursor.begin("9", NOW, Reach.FIRST)
    assert position.event == "9"
    assert legs(position) == (Leg(NOW - timedelta(days=60)),)


def test_positions_survive_as_text() -> None:
    position = cursor.due(
        Position(event="9", failed={"a": 3}, doubtful=("b",), swept_at=NOW, sweep_next=True),
        NOW + timedelta(hours=7),
        EVERY,
        fresh=True,
    )
    assert cursor.decode(cursor.encode(position)) == position


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"event": 5}', '{"events": "9"}', "\ud800", "[" * 100_000])
def test_a_cursor_that_cannot_be_read_is_lost_and_nothing_worse(text: str) -> None:
    assert cursor.decode(text) is None


def test_nothing_is_due_right_after_a_sweep() -> None:
    assert cursor.due(DONE, NOW + timedelta(minutes=14), EVERY, fresh=False) is DONE


def test_a_sweep_goes_back_behind_the_last_one() -> None:
    position = cursor.due(DONE, NOW + EVERY, EVERY, fresh=False)
    assert legs(position) == (Leg(NOW - cursor.OVERLAP),)
    assert timedelta(minutes=10) <= cursor.OVERLAP


def test_a_start_of_the_program_sweeps_at_once() -> None:
    assert legs(cursor.due(DONE, NOW, EVERY, fresh=True)) == (Leg(NOW - cursor.OVERLAP),)


def test_a_sweep_under_way_goes_on() -> None:
    position = cursor.due(DONE, NOW, EVERY, fresh=True)
    assert cursor.due(position, NOW + timedelta(hours=30), EVERY, fresh=True) is position


def test_every_six_hours_it_looks_back_72_hours_and_at_all_open_forms() -> None:
    recent = Position(event="9", swept_at=NOW, looked_back_at=NOW - timedelta(hours=6))
    assert legs(cursor.due(recent, NOW, EVERY, fresh=False)) == (
        Leg(NOW - timedelta(hours=72)),
        Leg(NOW - timedelta(days=60), "BOUGHT"),
        Leg(NOW - timedelta(days=60), "FILLED_IN"),
    )


@pytest.mark.parametrize("hours", [50, 100, 24 * 30])
def test_after_an_outage_it_looks_back_over_it_and_a_day_more(hours: int) -> None:
    now = NOW + timedelta(hours=hours)
    since = legs(cursor.due(DONE, now, EVERY, fresh=True))[0].since
    assert since == min(NOW - timedelta(hours=24), now - timedelta(hours=72))


def test_no_further_back_than_the_list_reaches() -> None:
    now = NOW + timedelta(days=900)
    assert legs(cursor.due(DONE, now, EVERY, fresh=True))[0].since == now - cursor.LONGEST


def test_a_clock_that_was_moved_back_proves_nothing() -> None:
    position = cursor.due(DONE, NOW - timedelta(days=1), EVERY, fresh=False)
    assert legs(position)[0].since == NOW - timedelta(days=61)


def test_pages_go_on_by_time_and_end_with_a_page_that_is_not_full() -> None:
    position = cursor.begin("9", NOW, Reach.FIRST)
    later = NOW - timedelta(days=3)
    position = cursor.swept(position, 100, later)
    assert position.sweep is not None
    assert position.sweep.query() == {
        "updatedAt.gte": "2026-02-26T12:00:00.000Z",
        "sort": "updatedAt",
        "limit": "100",
        "offset": "0",
    }
    position = cursor.swept(position, 99, NOW)
    assert position.sweep is None
    assert position.swept_at == position.looked_back_at == NOW


def test_a_short_sweep_does_not_count_as_a_look_back() -> None:
    position = cursor.due(DONE, NOW + EVERY, EVERY, fresh=False)
    position = cursor.swept(position, 0, None)
    assert (position.swept_at, position.looked_back_at) == (NOW + EVERY, NOW)


def test_each_leg_of_a_look_back_is_gone_to_its_end() -> None:
    position = cursor.due(msgspec.structs.replace(DONE, looked_back_at=None), NOW, EVERY, fresh=False)
    statuses = []
    while position.sweep is not None:
        statuses.append(position.sweep.query().get("status"))
        position = cursor.swept(position, 3, NOW)
    assert statuses == [None, "BOUGHT", "FILLED_IN"]
    assert position.looked_back_at == NOW


@pytest.mark.parametrize("last", [None, NOW - timedelta(days=60)])
def test_a_page_of_one_moment_is_passed_over_by_counting(last: datetime | None) -> None:
    position = cursor.swept(cursor.begin("9", NOW, Reach.WHOLE), 100, last)
    assert position.sweep is not None
    assert (position.sweep.offset, position.sweep.legs[0].since) == (100, NOW - timedelta(days=60))


def test_offsets_stay_within_what_the_list_allows() -> None:
    position = cursor.begin("9", NOW, Reach.WHOLE)
    begun = NOW - timedelta(days=60)
    for _ in range(300):
        assert position.sweep is not None
        assert position.sweep.offset + 100 <= 10_000
        position = cursor.swept(position, 100, position.sweep.legs[0].since)
    assert position.sweep is not None
    assert position.sweep.legs[0].since == begun + timedelta(milliseconds=3)


def event(number: int, form: object = "a-1", revision: str | None = "r1", at: str = "2026-03-01T12:00:00Z") -> bytes:
    reference = {"id": form, "revision": revision}
    return json.dumps({"id": str(number), "occurredAt": at, "order": {"checkoutForm": reference}}).encode()


def test_events_collapse_to_forms() -> None:
    events = [event(1), event(2), event(3, "b-2"), event(4, "a-1", "r2", "2026-03-01T11:00:00Z")]
    assert cursor.hints(events) == (
        "4",
        {"a-1": Hint(frozenset({"r1", "r2"}), NOW), "b-2": Hint(frozenset({"r1"}), NOW)},
    )


@pytest.mark.parametrize("form", [None, "", "../me", "a b", "x" * 65, "a/b", "a?b"])
def test_events_without_a_usable_form_are_passed_over(form: object) -> None:
    assert cursor.hints([event(1, form)]) == ("1", {})


def test_odd_events_do_not_stop_the_others() -> None:
    odd = [
        b"7",
        b'{"id": 5}',
        b'{"id": "3"}',
        b'{"id": "3", "order": {"checkoutForm": {"id": 5}}}',
        b'{"id":"4","order":{}}',
    ]
    assert cursor.hints([*odd, event(5)]) == ("5", {"a-1": Hint(frozenset({"r1"}), NOW)})


def test_what_could_not_be_read_is_kept_and_given_up_in_the_end() -> None:
    position = Position(event="1")
    given_up: tuple[str, ...] = ()
    tries = 0
    while not given_up:
        tries += 1
        position, given_up = cursor.read(position, None, {}, {"a": Reading(failed=True)})
    assert tries == cursor.TRIES
    assert given_up == ("a",)
    assert position.failed == {}


def test_what_was_not_there_yet_is_read_once_more() -> None:
    position, _ = cursor.read(Position(event="1"), "2", {}, {"a": Reading(absent=True)})
    assert (position.event, position.doubtful) == ("2", ("a",))
    position, _ = cursor.read(position, None, {}, {"a": Reading(absent=True)})
    assert position.doubtful == ()


@pytest.mark.parametrize(
    ("reading", "doubted"),
    [
        (Reading(revision="r0", updated_at=NOW - timedelta(seconds=9)), True),
        (Reading(revision="r1", updated_at=NOW - timedelta(seconds=9)), False),
        (Reading(revision="r2", updated_at=NOW + timedelta(seconds=9)), False),
        (Reading(), False),
    ],
)
def test_a_form_older_than_its_event_is_read_once_more(reading: Reading, doubted: bool) -> None:
    told = {"a": Hint(frozenset({"r1"}), NOW)}
    position, _ = cursor.read(Position(event="1"), "2", told, {"a": reading})
    assert position.doubtful == (("a",) if doubted else ())


def test_the_sweep_has_its_turn_after_events() -> None:
    position, _ = cursor.read(Position(event="1"), "2", {}, {})
    assert not position.sweep_next
    sweep = Sweep(began_at=NOW, reach=Reach.SHORT, legs=(Leg(NOW),))
    position, _ = cursor.read(Position(event="1", sweep=sweep), "2", {}, {})
    assert position.sweep_next
    assert not cursor.swept(position, 100, None).sweep_next


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 5),  # which form changes
        st.integers(0, 400),  # seconds since the change before
        st.sampled_from(["told", "missing", "twice", "late"]),
        st.integers(0, 2),  # pages that are asked for afterwards
        st.booleans(),  # whether the program is started anew
    ),
    max_size=40,
)


@settings(max_examples=300)
@given(changes=CHANGES, page=st.integers(1, 4))
def test_any_journal_ends_with_every_form_in_its_newest_state(
    changes: list[tuple[int, int, str, int, bool]], page: int
) -> None:
    """A model of Allegro in memory: forms with a time of change, and a journal that repeats, omits and delays."""
    model = Model(page)
    for form, seconds, how, asked, restarted in changes:
        model.now += timedelta(seconds=seconds)
        model.change(f"f-{form}", how)
        model.fresh = model.fresh or restarted
        for _ in range(asked):
            model.ask()
    model.drain()  # a sweep that was under way may have passed a form before it changed
    model.now += timedelta(minutes=16)
    model.drain()
    assert model.known == {form: revision for form, (revision, _) in model.forms.items()}


class Model:
    """Allegro and the fetching side, both without HTTP; `page` is how many entries an answer holds."""

    def __init__(self, page: int) -> None:
        self.page = page
        self.now = NOW
        self.forms: dict[str, tuple[int, datetime]] = {}
        self.journal: list[str] = []
        self.late: list[str] = []
        self.known: dict[str, int] = {}
        self.position: Position | None = None
        self.fresh = True

    def change(self, form: str, how: str) -> None:
        revision = self.forms.get(form, (0, NOW))[0] + 1
        self.forms[form] = revision, self.now
        if how == "late":
            self.late.append(form)
            return
        self.journal += {"told": [form], "missing": [], "twice": [form, form]}[how]
        self.journal += self.late
        self.late.clear()

    def ask(self) -> None:
        if self.position is None:
            self.position = cursor.begin(str(len(self.journal)), self.now, Reach.FIRST)
        self.position = cursor.due(self.position, self.now, EVERY, fresh=self.fresh)
        self.fresh = False
        if not (self.position.sweep and self.position.sweep_next):
            after = int(self.position.event or 0)
            events = list(enumerate(self.journal, 1))[after : after + self.page]
            if events:
                last, told = cursor.hints([event(number, form) for number, form in events])
                for form in told:
                    self.known[form] = self.forms[form][0]
                self.position, _ = cursor.read(self.position, last, told, dict.fromkeys(told, Reading()))
                return
        if self.position.sweep is not None:
            self.sweep(self.position.sweep)

    def drain(self) -> None:
        for _ in range(400):
            self.ask()
            assert self.position is not None
            if self.position.sweep is None:
                return
        raise AssertionError("the sweep came to no end")

    def sweep(self, sweep: Sweep) -> None:
        assert self.position is not None
        listed = sorted(self.forms.items(), key=lambda entry: entry[1][1])
        found = [entry for entry in listed if entry[1][1] >= sweep.legs[0].since and sweep.legs[0].status is None]
        shown = found[sweep.offset : sweep.offset + self.page]
        for form, (revision, _) in shown:
            self.known[form] = max(revision, self.known.get(form, 0))
        full = len(shown) == self.page
        times = [changed for _, (_, changed) in shown]
        count = cursor.PAGE if full else len(shown)  # the model's pages are small; a full one counts as full
        moved = cursor.swept(self.position, count, max(times, default=None))
        if full and moved.sweep is not None and moved.sweep.offset:
            onward = msgspec.structs.replace(moved.sweep, offset=sweep.offset + self.page)
            moved = msgspec.structs.replace(moved, sweep=onward)
        self.position = moved
