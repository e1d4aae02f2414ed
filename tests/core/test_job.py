"""The table of a job's life: what leads where, and that nothing is left hanging."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.job import FINAL, ONCE, OPEN, TRANSITIONS, ImpossibleError, JobEvent, JobKind, JobState, after, remedy


@pytest.mark.parametrize(("state", "event"), [(state, event) for state in JobState for event in JobEvent])
def test_every_pair_is_either_in_the_table_or_refused_with_a_sentence(state: JobState, event: JobEvent) -> None:
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(ImpossibleError, match=state.value):
            after(state, event)


def test_nothing_leaves_a_final_state() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] in FINAL]


def test_from_every_other_state_a_final_one_can_be_reached() -> None:
    for start in set(JobState) - FINAL:
        seen, edge = {start}, [start]
        while edge:
            here = edge.pop()
            for (state, _), following in TRANSITIONS.items():
                if state is here and following not in seen:
                    seen.add(following)
                    edge.append(following)
        assert seen & FINAL, f"{start} never ends"


def test_every_event_is_used() -> None:
    assert {event for _, event in TRANSITIONS} == set(JobEvent)


def test_a_request_leaves_only_from_a_committed_intent() -> None:
    assert [state for (state, event), to in TRANSITIONS.items() if to is JobState.SENDING] == [JobState.WAITING]


def test_an_unsure_job_goes_back_to_waiting_only_when_it_is_known_to_be_absent_or_a_person_says_so() -> None:
    back = {event for (state, event), to in TRANSITIONS.items() if state is JobState.UNSURE and to is JobState.WAITING}
    assert back == {JobEvent.ABSENT, JobEvent.RESOLVE_AGAIN}


@given(st.lists(st.sampled_from(list(JobEvent)), max_size=40))
def test_any_history_stays_inside_the_table(events: list[JobEvent]) -> None:
    state = JobState.WAITING
    for event in events:
        try:
            state = after(state, event)
        except ImpossibleError:
            continue
    assert state in OPEN | FINAL | {JobState.PARKED}


def test_the_remedy_of_a_doubt_is_never_a_plain_retry() -> None:
    for kind in JobKind:
        assert ("retry" in remedy(7, kind, in_doubt=True)) is (kind not in ONCE)
        assert remedy(7, kind, in_doubt=False) == "orderferry retry 7"
    assert "--sent" in remedy(7, JobKind.SEND_MAIL, in_doubt=True)
    assert "--shop-order N" in remedy(7, JobKind.ADD_ORDER, in_doubt=True)
