"""Usage plans: never more requests than a bucket of this rate and size gives, whatever is learned on the way."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderferry import RateLimited, Secret
from orderferry.testing.clock import VirtualClock
from plugins.amazon.marketplaces import ALL, EUROPEAN_UNION, named
from plugins.amazon.settings import AmazonSettings
from plugins.amazon.usage import Plan


async def take(plan: Plan, times: int) -> int:
    taken = 0
    for _ in range(times):
        try:
            await plan.take()
        except RateLimited:
            break
        taken += 1
    return taken


async def test_the_burst_goes_at_once_and_then_one_at_a_time(clock: VirtualClock) -> None:
    plan = Plan(0.0056, 20, clock)
    assert await take(plan, 30) == 20
    await clock.advance(160)
    assert await take(plan, 1) == 0
    await clock.advance(19)
    assert await take(plan, 2) == 1


async def test_a_short_wait_is_waited(clock: VirtualClock) -> None:
    plan = Plan(0.5, 2, clock)
    assert await clock.run(take(plan, 5)) == 5
    assert clock.monotonic() == pytest.approx(6)


async def test_an_empty_bucket_at_amazon_empties_ours(clock: VirtualClock) -> None:
    plan = Plan(0.0056, 20, clock)
    plan.spent()
    with pytest.raises(RateLimited, match="one such request in 179 s") as caught:
        await plan.take()
    assert caught.value.retry_after == pytest.approx(1 / 0.0056)


@pytest.mark.parametrize("header", [None, "", "soon", "-1", "0", "nan", "inf", "1e99"])
async def test_a_header_that_says_nothing_changes_nothing(clock: VirtualClock, header: str | None) -> None:
    plan = Plan(0.0056, 20, clock)
    plan.learn(header)
    assert plan.seconds == pytest.approx(1 / 0.0056)


@settings(max_examples=50)
@given(
    rates=st.lists(st.floats(0.001, 10), min_size=1, max_size=5),
    pauses=st.lists(st.floats(0, 400), max_size=30),
    burst=st.integers(1, 20),
)
def test_no_more_than_the_fastest_rate_and_the_burst(rates: list[float], pauses: list[float], burst: int) -> None:
    async def play() -> None:
        clock = VirtualClock()
        plan = Plan(rates[0], burst, clock)
        taken = 0
        for n, pause in enumerate(pauses):
            await clock.advance(pause)
            plan.learn(str(rates[n % len(rates)]))
            taken += await clock.run(take(plan, 3))
            assert taken <= burst + clock.monotonic() * max(rates) + 1e-3

    asyncio.run(play())


# --- the marketplaces of the settings


def test_marketplaces_are_named_by_country_or_id() -> None:
    assert [one.country for one in named(["pl", "A1PA6795UKMFR9", "PL", "UK"])] == ["PL", "DE", "GB"]
    assert [one.country for one in named(EUROPEAN_UNION)] == list(EUROPEAN_UNION)
    assert len({one.id for one in ALL}) == len(ALL)


@pytest.mark.parametrize(("words", "message"), [(("PL", "XX"), "'XX' is none of them"), ((), "at least one")])
def test_settings_say_which_marketplaces_there_are(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AmazonSettings(client_id="c", client_secret=Secret("s"), marketplaces=words)
