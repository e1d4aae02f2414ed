"""The kit's own parts: virtual clock, memory stores, canaries, fixtures, the simulator's script."""

from __future__ import annotations

import asyncio
import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderferry import Order, Secret, Stage, Unavailable, Url
from orderferry.testing.account import OpenAccount, secrets
from orderferry.testing.clock import START, VirtualClock
from orderferry.testing.example import SECRET, TinySettings, TinyShop, TinySimulator
from orderferry.testing.memory import MemoryLog, MemoryProgress, MemoryTokens, carries
from orderferry.testing.samples import PERSONAL, forward_order
from orderferry.testing.simulator import Fate
from orderferry.testing.strategies import orders

pytest_plugins = ["pytester"]

CANARY = 'Brzęczyszczewska & "Co"'


# --- the clock


async def test_run_moves_time_on_whenever_somebody_sleeps() -> None:
    clock = VirtualClock()

    async def work() -> str:
        for _ in range(3):
            await clock.sleep(3600)
        await asyncio.gather(clock.sleep(10), clock.sleep(20))
        return "done"

    assert await clock.run(work()) == "done"
    assert clock.monotonic() == 3 * 3600 + 20


async def test_run_waits_for_what_is_no_sleep() -> None:
    clock = VirtualClock()
    happened = asyncio.Event()

    async def work() -> None:
        await happened.wait()
        await clock.sleep(5)

    asyncio.get_running_loop().call_soon(happened.set)
    await clock.run(work())
    assert (clock.now() - START).total_seconds() == 5


async def test_run_hands_on_errors_and_leaves_nothing_running() -> None:
    clock = VirtualClock()

    async def fail() -> None:
        await clock.sleep(1)
        raise Unavailable("down")

    with pytest.raises(Unavailable):
        await clock.run(fail())
    given_up = asyncio.ensure_future(clock.run(asyncio.Event().wait()))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- memory


async def test_memory_tokens_are_locked_by_one_at_a_time() -> None:
    store = MemoryTokens()
    inside: list[int] = []

    async def hold(number: int) -> None:
        async with store.lock():
            inside.append(number)
            await asyncio.sleep(0)
            assert inside[-1] == number

    await asyncio.gather(*(hold(number) for number in range(5)))
    assert inside == [0, 1, 2, 3, 4]
    assert await store.load() is None


async def test_memory_progress_remembers() -> None:
    progress = MemoryProgress()
    before = progress.value
    await progress.save("cart 7")
    await progress.save("order 8")
    assert before is None
    assert (progress.value, progress.saved) == ("order 8", ["cart 7", "order 8"])


@pytest.mark.parametrize(
    "text",
    [
        f"x{CANARY}x",
        quote(CANARY, safe=""),
        base64.b64encode(CANARY.encode()).decode(),
        *(base64.b64encode(f"{before}{CANARY}:x".encode()).decode() for before in ("k:", "ke:", "key:")),
        json.dumps({"name": CANARY}),
        json.dumps({"name": CANARY}, ensure_ascii=False),
        CANARY.encode("ascii", "backslashreplace").decode(),
        repr([CANARY]),
        'Brz\\u0119czyszczewska & \\"Co\\"',
    ],
)
def test_a_canary_is_seen_in_every_form(text: str) -> None:
    assert carries(text, [CANARY])
    assert not carries(text.upper(), ["something else", ""])


def test_the_log_knows_which_events_leak() -> None:
    log = MemoryLog([CANARY])
    log.info("fetched", count=3)
    log.warning("refused", reason=f"no stock for {CANARY}")
    log.debug(CANARY)
    assert [(event.level, event.event) for event in log.events] == [
        ("info", "fetched"),
        ("warning", "refused"),
        ("debug", CANARY),
    ]
    assert log.leaks == ["refused", CANARY]


def test_every_secret_of_the_settings_is_a_canary() -> None:
    nested = {"a": [Secret("one")], "b": (TinySettings(url=Url("https://x.example"), secret=Secret("two")),), "c": 3}
    assert set(secrets(nested)) == {"one", "two"}


# --- fixtures


async def test_accounts_share_clock_and_canaries(open_account: OpenAccount, clock: VirtualClock) -> None:
    url = Url("https://x.example")
    one = open_account(TinyShop, TinySettings(url=url, secret=Secret("one-secret")))
    two = open_account(TinyShop, TinySettings(url=url, secret=Secret("two-secret")), name="second")
    assert one.clock is clock is two.clock
    assert (one.name, two.name, one.role) == ("tested", "second", TinyShop.role)
    assert open_account.canaries == {"one-secret", "two-secret"}


def test_an_event_with_a_secret_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile(
        """
        import pytest
        from orderferry import Secret, Url
        from orderferry.testing.example import TinySettings, TinyShop

        @pytest.mark.parametrize("said", ["fine", "hush-hush"])
        async def test_x(open_account, said):
            settings = TinySettings(url=Url("https://x.example"), secret=Secret("hush-hush"))
            open_account(TinyShop, settings).log.info("asked", said=said)
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*events that carry a secret or a buyer's data: asked*"])


# --- the simulator's script, samples, strategies


async def test_a_script_for_any_method_strikes_the_nth_request(open_account: OpenAccount) -> None:
    async with TinySimulator() as simulator:
        shop = TinyShop(open_account(TinyShop, TinySettings(url=Url(simulator.url), secret=Secret(SECRET))))
        simulator.script("*", "", Fate.GOOD, Fate.DOWN, Fate.DOWN)
        await shop.check()
        with pytest.raises(Unavailable):
            await shop.fetch_orders(None, None)
        simulator.forget_script()
        await shop.check()
        assert [served.fate for served in simulator.served] == [Fate.GOOD, Fate.DOWN, Fate.GOOD]


def test_the_sample_order_is_whole_and_its_buyer_is_known_to_the_canaries() -> None:
    order = forward_order("of-1", skus=["A", "B"])
    assert order.total == sum((line.total for line in order.lines), start=order.delivery.cost)
    assert [(line.sku, line.quantity) for line in order.lines] == [("A", 1), ("B", 2)]
    assert all(any(text in repr(part) for part in (order.buyer, order.delivery, order.invoice)) for text in PERSONAL)


@settings(max_examples=20)
@given(st.data())
def test_strategies_make_the_stage_that_is_asked(data: st.DataObject) -> None:
    order: Order = data.draw(orders(st.just(Stage.READY)))
    assert order.stage is Stage.READY
    assert order.delivery.address is not None
    assert order.total == sum((line.total for line in order.lines), start=order.delivery.cost)
