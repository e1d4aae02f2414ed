"""When the watchdog is not fed, and the line that people read in `systemctl status`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import liveness
from daemon.core.liveness import Ailing, Stage, Standing

LOGIN = Ailing(account="allegro-main", how="needs login", command="orderferry login allegro-main")
DOWN = Ailing(account="my-shop", how="does not answer")


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 100))), st.floats(0, 2000))
def test_what_has_had_its_time_is_stuck_and_nothing_else(spans: list[tuple[float, float]], now: float) -> None:
    stages = [Stage(name=str(n), since=since, limit=limit) for n, (since, limit) in enumerate(spans)]
    found = liveness.stuck(stages, now)
    assert list(found) == [stage.name for stage in stages if now > stage.since and now - stage.since > stage.limit]


@pytest.mark.parametrize(
    ("standing", "line"),
    [
        (Standing(on_the_way=0, parked=0), "forwarding: no order on its way, none parked"),
        (Standing(on_the_way=1, parked=0), "forwarding: 1 order on its way, none parked"),
        (
            Standing(on_the_way=3, parked=0, ailing=(LOGIN,)),
            "forwarding: 3 orders on their way, none parked; allegro-main needs login (orderferry login allegro-main)",
        ),
        (
            Standing(on_the_way=3, parked=2, ailing=(DOWN,)),
            "forwarding: 3 orders on their way, 2 parked (orderferry jobs --state parked); my-shop does not answer",
        ),
        (
            Standing(on_the_way=0, parked=0, ailing=(DOWN, DOWN, DOWN, LOGIN)),
            (
                "forwarding: no order on its way, none parked; my-shop does not answer; my-shop does not answer; "
                "my-shop does not answer; and 1 more account (orderferry status)"
            ),
        ),
        (
            Standing(on_the_way=9, parked=0, degraded="the disk is full; free some space"),
            "nothing is sent: the disk is full; free some space",
        ),
        (
            Standing(on_the_way=0, parked=0, stuck=("writing to the store",), refused=True),
            (
                "forwarding: no order on its way, none parked; writing to the store is stuck; "
                "the changed settings have mistakes, so the old ones hold (orderferry check)"
            ),
        ),
    ],
)
def test_while_it_runs(standing: Standing, line: str) -> None:
    assert liveness.running(standing) == line


def test_while_it_starts_and_stops() -> None:
    assert liveness.settling(1) == "settling 1 order that was under way"
    assert liveness.settling(4) == "settling 4 orders that were under way"
    assert liveness.stopping(0) == "stopping"
    assert liveness.stopping(2) == "waiting for 2 requests"
