"""The contract test kit: subclass `ShopContract` or `MarketplaceContract`, supply a world, and it tests the rest.

    class TestMyShop(ShopContract[MyShopSimulator]):
        platform_class = MyShop

        @pytest.fixture
        async def simulator(self) -> AsyncIterator[MyShopSimulator]:
            async with MyShopSimulator(seed=1) as simulator:
                yield simulator

        def open_platform(self, simulator: MyShopSimulator, open_account: OpenAccount) -> MyShop:
            return MyShop(open_account(MyShop, MyShopSettings(url=Url(simulator.url), key=Secret("key-1"))))

and so on for each method that raises NotImplementedError here or in the class that you subclass. What a platform can't
do is skipped with a sentence, and so is what you did not supply. The account's clock is virtual: the kit moves it on
whenever the platform waits. Needs pytest and pytest-asyncio with `asyncio_mode = "auto"`.
"""
# ruff: noqa: S101, PT017 - a test kit asserts, also about errors that it lets pass

from __future__ import annotations

import inspect
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from orderferry.capability import Capability, names
from orderferry.errors import NeedsLogin, PlatformError, Unavailable, Unsure
from orderferry.forward import CheckReport, ChoiceKind, OrderRef
from orderferry.loading import HOOKS, disagreements, implements
from orderferry.model import Order, Page, Parcel, Stage
from orderferry.platform import Platform
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import carries
from orderferry.testing.samples import PERSONAL
from orderferry.testing.simulator import Fate, Faults, Simulator

T = TypeVar("T")
SimulatorT = TypeVar("SimulatorT", bound=Simulator)
AnyPlatform = Platform[Any]

BREAKING = (Fate.BUSY, Fate.DOWN, Fate.DROPPED, Fate.FAILED_AFTER, Fate.LOST, Fate.CUT, Fate.GARBAGE)
MOST_PAGES = 500
MOST_REQUESTS = 12  # of one hook call are struck one by one; longer calls are struck at their beginning
TRIES = 8
LIST_FLAGS = {
    ChoiceKind.STATUSES: Capability.LIST_STATUSES,
    ChoiceKind.PAYMENTS: Capability.LIST_PAYMENTS,
    ChoiceKind.DELIVERIES: Capability.LIST_DELIVERIES,
    ChoiceKind.CARRIERS: Capability.LIST_CARRIERS,
}


class PlatformContract(Generic[SimulatorT]):
    """What holds for every platform. `canaries` are further texts that no log event and no error may carry."""

    platform_class: ClassVar[type[AnyPlatform]]
    canaries: ClassVar[frozenset[str]] = PERSONAL

    # --- what the author supplies

    @pytest.fixture
    async def simulator(self) -> SimulatorT:
        """The platform's simulator, running; an async fixture that stops it at the end."""
        raise NotImplementedError

    def open_platform(self, simulator: SimulatorT, open_account: OpenAccount) -> AnyPlatform:
        """An account of the platform, logged in, against this simulator; called again for a restart."""
        raise NotImplementedError

    def open_stranger(self, simulator: SimulatorT, open_account: OpenAccount) -> AnyPlatform:  # noqa: ARG002 - for the author's override
        """Likewise, with credentials that the simulator refuses."""
        pytest.skip("no account with wrong credentials was supplied (open_stranger)")

    def place_orders(self, simulator: SimulatorT, count: int) -> list[str]:  # noqa: ARG002 - for the author's override
        """Lets buyers place so many new orders with complete delivery forms; answers their ids on the platform."""
        pytest.skip("nothing places orders at the simulator (place_orders)")

    def place_malformed(self, simulator: SimulatorT) -> str:  # noqa: ARG002 - for the author's override
        """Places one order that can't be understood (a required field is missing or wrong); answers its id."""
        pytest.skip("nothing places a malformed order at the simulator (place_malformed)")

    def cancel_order(self, simulator: SimulatorT, external_id: str) -> None:  # noqa: ARG002 - for the author's override
        """Cancels an order that `place_orders` made, on the buyer's or the platform's side."""
        pytest.skip("nothing cancels orders at the simulator (cancel_order)")

    def tracking_numbers(self, simulator: SimulatorT, order_id: str) -> list[str]:  # noqa: ARG002 - for the author's override
        """The tracking numbers that the simulator truly holds for an order, each as often as it is there."""
        pytest.skip("nothing tells the simulator's tracking numbers (tracking_numbers)")

    # --- what the kit itself uses

    @pytest.fixture
    async def platform(self, simulator: SimulatorT, open_account: OpenAccount) -> AnyPlatform:
        """The opened account."""
        simulator.faults.slow = 0.01
        open_account.canaries |= self.canaries
        return self.open_platform(simulator, open_account)

    def need(self, *flags: Capability) -> None:
        """Skips what the platform does not declare."""
        for flag in flags:
            if flag not in self.platform_class.capabilities:
                pytest.skip(f"{self.platform_class.title} does not declare {' | '.join(names(flag)).upper()}")

    async def ask(self, platform: AnyPlatform, asked: Coroutine[Any, Any, T]) -> T:
        """Awaits a hook while virtual time passes; its error must be one of the contract's, and tell no secret."""
        clock = platform.account.clock
        assert isinstance(clock, VirtualClock)
        try:
            return await clock.run(asked)
        except PlatformError as error:
            log = platform.account.log
            canaries = getattr(log, "canaries", self.canaries)
            assert not carries(str(error), canaries), (
                f"a {type(error).__name__}'s message tells a secret or buyer's data"
            )
            raise

    async def wait(self, platform: AnyPlatform, error: PlatformError | None = None, seconds: float = 60) -> None:
        """Lets as much time pass as the error asks for, at least so many seconds."""
        clock = platform.account.clock
        assert isinstance(clock, VirtualClock)
        asked = error.retry_after if isinstance(error, Unavailable) and error.retry_after else 0.0
        await clock.advance(max(seconds, asked) + 1)

    async def insist(self, platform: AnyPlatform, hook: str, *arguments: object) -> Any:  # as the hook answers
        """Asks until it works, as the daemon does with a hook that may be repeated."""
        for _ in range(TRIES):
            try:
                return await self.ask(platform, getattr(platform, hook)(*arguments))
            except (Unavailable, Unsure) as error:
                await self.wait(platform, error)
        return pytest.fail(f"`{hook}` did not work in {TRIES} tries, though only its first was struck")

    async def pages(self, platform: AnyPlatform, cursor: str | None, *, since: datetime | None = None) -> list[Page]:
        """Every page from this cursor on, or reaching back to `since`, until nothing more is there."""
        found: list[Page] = []
        while len(found) < MOST_PAGES:
            page: Page = await self.ask(platform, platform.fetch_orders(cursor, since))
            found.append(page)
            cursor, since = page.cursor, None
            if not page.more:
                return found
        return pytest.fail(f"`more` was still True after {MOST_PAGES} pages")

    def since(self, platform: AnyPlatform, simulator: SimulatorT) -> datetime:
        """A moment before whatever the test has done, by either's clock."""
        return min(simulator.now(), platform.account.clock.now()) - timedelta(hours=1)

    # --- the class

    def test_flags_and_hooks_agree(self) -> None:
        assert disagreements(self.platform_class) == ()

    @pytest.mark.parametrize("hook", HOOKS)
    def test_hook_is_marked_and_has_the_contracts_arguments(self, hook: str) -> None:
        if not implements(self.platform_class, hook):
            pytest.skip(f"{self.platform_class.title} does not implement `{hook}`")
        method = getattr(self.platform_class, hook)
        assert hasattr(method, "orderferry_impl"), "mark it with @hookimpl"
        wanted = list(inspect.signature(getattr(Platform, hook)).parameters)
        assert list(inspect.signature(method).parameters) == wanted

    # --- check and lists

    async def test_check_answers_a_report(self, platform: AnyPlatform) -> None:
        report = await self.ask(platform, platform.check())
        assert isinstance(report, CheckReport)
        assert report.summary
        own = set(names(self.platform_class.capabilities))
        assert set(report.missing) <= own, "`missing` may only subtract what the class declares, in lower case"
        assert all(report.missing.values()), "each missing capability has its reason"

    async def test_check_with_wrong_credentials_needs_login(
        self, simulator: SimulatorT, open_account: OpenAccount
    ) -> None:
        open_account.canaries |= self.canaries
        stranger = self.open_stranger(simulator, open_account)
        with pytest.raises(NeedsLogin):
            await self.ask(stranger, stranger.check())

    async def test_check_of_a_platform_that_is_down_is_unavailable(
        self, platform: AnyPlatform, simulator: SimulatorT
    ) -> None:
        simulator.faults = Faults(rates={Fate.DOWN: 1.0})
        with pytest.raises(Unavailable):
            await self.ask(platform, platform.check())

    @pytest.mark.parametrize("kind", list(ChoiceKind))
    async def test_list_is_not_empty(self, platform: AnyPlatform, kind: ChoiceKind) -> None:
        self.need(LIST_FLAGS[kind])
        choices = await self.ask(platform, platform.list_choices(kind))
        assert choices, "a list that is declared has entries"
        assert len({choice.id for choice in choices}) == len(choices), "ids are unique"
        assert all(choice.id and choice.title for choice in choices)

    # --- fetching

    async def test_pages_end_and_their_cursor_is_text(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.FETCH_ORDERS)
        self.place_orders(simulator, 3)
        for page in await self.pages(platform, None):
            assert isinstance(page, Page)
            assert isinstance(page.cursor, str)
            assert all(isinstance(order, Order) for order in page.orders)

    async def test_every_placed_order_is_fetched_ready(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.FETCH_ORDERS)
        begun = (await self.pages(platform, None))[-1].cursor
        placed = self.place_orders(simulator, 7)
        assert placed
        assert len(set(placed)) == 7
        orders = {order.external_id: order for page in await self.pages(platform, begun) for order in page.orders}
        assert set(placed) <= set(orders)
        assert {orders[id_].stage for id_ in placed} == {Stage.READY}

    async def test_fetching_again_answers_the_same_orders(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.FETCH_ORDERS)
        begun = (await self.pages(platform, None))[-1].cursor
        self.place_orders(simulator, 3)
        once, again = await self.pages(platform, begun), await self.pages(platform, begun)
        assert _ids(once) <= _ids(again), "fetching must not use orders up"

    async def test_reaching_back_answers_what_was_answered_before(
        self, platform: AnyPlatform, simulator: SimulatorT, open_account: OpenAccount
    ) -> None:
        self.need(Capability.FETCH_ORDERS)
        placed = set(self.place_orders(simulator, 5))
        since = self.since(platform, simulator)
        await self.pages(platform, None)
        assert placed <= _ids(await self.pages(platform, None, since=since)), "an order was not answered again"
        restarted = self.open_platform(simulator, open_account)
        assert placed <= _ids(await self.pages(restarted, None, since=since)), "a new process does not reach back"

    async def test_no_order_is_lost_from_whatever_cursor_is_resumed(
        self, platform: AnyPlatform, simulator: SimulatorT, open_account: OpenAccount
    ) -> None:
        """A crash after page n leaves that page's cursor; a new process, knowing nothing else, goes on from there."""
        self.need(Capability.FETCH_ORDERS)
        first = (await self.pages(platform, None))[-1].cursor
        placed = set(self.place_orders(simulator, 5))
        trail: list[Page] = []
        cursor, more = first, True
        while more and len(trail) < MOST_PAGES:
            page = await self.ask(platform, platform.fetch_orders(cursor, None))
            trail.append(page)
            if len(trail) <= 4:
                placed |= set(self.place_orders(simulator, 1))  # buyers don't stop while pages are turned
            cursor, more = page.cursor, page.more
        for stored in range(len(trail) + 1):
            restarted = self.open_platform(simulator, open_account)
            resumed = await self.pages(restarted, trail[stored - 1].cursor if stored else first)
            lost = placed - _ids(trail[:stored]) - _ids(resumed)
            assert not lost, f"resumed after page {stored}: {len(lost)} of {len(placed)} orders were never answered"

    @pytest.mark.parametrize("fate", list(Fate))
    async def test_a_fault_while_fetching_loses_no_order(
        self, platform: AnyPlatform, simulator: SimulatorT, fate: Fate
    ) -> None:
        self.need(Capability.FETCH_ORDERS)
        cursor: str | None = (await self.pages(platform, None))[-1].cursor
        for struck in range(MOST_REQUESTS):
            placed = set(self.place_orders(simulator, 2))
            simulator.script("*", "", *[Fate.GOOD] * struck, fate)
            seen: set[str] = set()
            more, tries = True, 0
            while more:
                try:
                    page: Page = await self.ask(platform, platform.fetch_orders(cursor, None))
                except Unavailable as error:
                    tries += 1
                    assert tries < TRIES, "fetching did not come back after a single fault"
                    await self.wait(platform, error)
                    continue
                seen |= _ids([page])
                cursor, more = page.cursor, page.more
            simulator.forget_script()
            assert placed <= seen, f"{fate.value} at request {struck + 1} lost an order"

    async def test_a_malformed_order_does_not_stop_its_page(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.FETCH_ORDERS)
        begun = (await self.pages(platform, None))[-1].cursor
        before = self.place_orders(simulator, 1)
        broken = self.place_malformed(simulator)
        after = self.place_orders(simulator, 1)
        pages = await self.pages(platform, begun)
        assert {*before, *after} <= _ids(pages)
        malformed = {order.external_id: order for page in pages for order in page.malformed}
        assert broken in malformed
        assert malformed[broken].reason
        assert malformed[broken].raw
        assert not carries(malformed[broken].reason, self.canaries), "the reason tells buyer's data"

    async def test_a_cancelled_order_is_answered_again(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.FETCH_ORDERS)
        (placed,) = self.place_orders(simulator, 1)
        cursor = (await self.pages(platform, None))[-1].cursor
        self.cancel_order(simulator, placed)
        stages = {
            order.external_id: order.stage for page in await self.pages(platform, cursor) for order in page.orders
        }
        assert stages.get(placed) is Stage.CANCELLED

    # --- tracking

    async def tracking_is_idempotent(self, platform: AnyPlatform, simulator: SimulatorT, ref: OrderRef) -> None:
        """Tells parcels once, again, and after each fault; in the end each number is there exactly once."""
        carrier = "InPost"
        if Capability.LIST_CARRIERS in self.platform_class.capabilities:
            carrier = (await self.ask(platform, platform.list_choices(ChoiceKind.CARRIERS)))[0].id
        many = Capability.PARCELS_MANY in self.platform_class.capabilities
        parcels = [Parcel(carrier=carrier, number=f"62000000000000000000000{n}") for n in range(2 if many else 1)]
        wanted = sorted(parcel.number for parcel in parcels)
        for fate in (None, Fate.LOST, Fate.FAILED_AFTER, Fate.DROPPED):
            for struck in range(MOST_REQUESTS if fate else 1):
                if fate:
                    simulator.script("*", "", *[Fate.GOOD] * struck, fate)
                await self.insist(platform, "set_tracking", ref, parcels)
                simulator.forget_script()
                assert sorted(self.tracking_numbers(simulator, ref.id)) == wanted
        if many:
            parcels.append(Parcel(carrier=carrier, number="620000000000000000000009"))
            await self.insist(platform, "set_tracking", ref, parcels)
            wanted = sorted(parcel.number for parcel in parcels)
            assert sorted(self.tracking_numbers(simulator, ref.id)) == wanted, "a parcel that came later was not added"


def _ids(pages: list[Page]) -> set[str]:
    return {order.external_id for page in pages for order in page.orders}
