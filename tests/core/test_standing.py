"""How things stand, in a few figures."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.core.standing import Figures, Oldest, state
from orderferry.testing.clock import START


@pytest.mark.parametrize(("minutes", "seconds"), [(0, 0), (2, 120), (-5, 0)])
def test_an_order_has_waited_so_long_and_never_less_than_nothing(minutes: int, seconds: int) -> None:
    figures = Figures(waiting=1, parked=0, oldest=Oldest(order=7, since=START - timedelta(minutes=minutes)))
    now = state(figures, {"my-shop": "ok"}, START)
    assert (now.oldest_seconds, now.oldest_order) == (seconds, 7)


def test_where_nothing_waits_there_is_no_oldest() -> None:
    now = state(Figures(waiting=0, parked=0), {}, START)
    assert (now.oldest_seconds, now.oldest_order, now.last_order) == (0, None, None)
