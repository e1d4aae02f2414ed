"""The contract test kit for shops: see `orderferry.testing.contract` for how it is used."""
# ruff: noqa: S101, PT017 - a test kit asserts, also about errors that it lets pass

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

import msgspec
import pytest

from orderferry.capability import Capability, names
from orderferry.errors import PlatformError, Unavailable, Unsure
from orderferry.forward import ForwardOrder, ForwardPayment, OrderRef, PaymentState, ProductKey, ShopOrder
from orderferry.model import PaymentKind, Role
from orderferry.platform import Progress
from orderferry.testing.contract import BREAKING, MOST_REQUESTS, TRIES, AnyPlatform, PlatformContract, SimulatorT
from orderferry.testing.memory import MemoryProgress
from orderferry.testing.simulator import Fate, Served

SETTLE = 420.0  # seconds: only then does "it is not there" count (docs: the settle window)

CARRIED: dict[Capability, Callable[[ForwardOrder], Iterable[str | None]]] = {
    Capability.CARRIES_LOGIN: lambda order: [order.buyer.login],
    Capability.CARRIES_OFFER_NUMBER: lambda order: [line.offer_id for line in order.lines],
    Capability.CARRIES_COMMENT: lambda order: [order.comment],
    Capability.CARRIES_INVOICE: lambda order: [order.invoice.tax_id] if order.invoice else [],
    Capability.CARRIES_PICKUP_POINT: lambda order: [point.id] if (point := order.delivery.pickup_point) else [],
    Capability.CARRIES_PAYMENT: lambda order: [order.payment.id] if order.payment else [],
    Capability.CARRIES_DELIVERY_METHOD: lambda order: [order.delivery.method],
}


class ShopContract(PlatformContract[SimulatorT]):
    """What holds for a shop.

    Supply `platform_class`, `simulator`, `open_platform`, `sample_order`, `shop_orders`, `snapshot`; where the platform
    can do it also `stock`, `tracking_numbers`, `place_orders`, and where it adds in several steps `contents`.
    `statuses` are two statuses of the shop that a new order can take one after the other.
    """

    statuses: ClassVar[tuple[str, str] | None] = None

    # --- what the author supplies

    def sample_order(self, simulator: SimulatorT, reference: str) -> ForwardOrder:
        """An order whose SKUs the simulator knows, with 500 pieces of each: see `testing.samples.forward_order`."""
        raise NotImplementedError

    def shop_orders(self, simulator: SimulatorT, reference: str) -> list[str]:
        """The ids of all orders that the simulator truly holds under exactly this reference."""
        raise NotImplementedError

    def snapshot(self, simulator: SimulatorT, order_id: str) -> object:
        """All that the simulator holds of an order, without the time of its last change: compared, searched by repr."""
        raise NotImplementedError

    def stock(self, simulator: SimulatorT, sku: str) -> int:  # noqa: ARG002 - for the author's override
        """How many pieces the simulator holds of a product."""
        pytest.skip("nothing tells the simulator's stock (stock)")

    def contents(self, simulator: SimulatorT) -> object:  # noqa: ARG002 - for the author's override
        """All that the simulator holds, customers and carts as well as orders: compared by its repr."""
        pytest.skip("nothing tells all that the simulator holds (contents)")

    # --- what the kit itself uses

    def reference(self, platform: AnyPlatform, number: int) -> str:
        """A reference of this installation, as the daemon makes them."""
        return f"{platform.account.reference_prefix}{number}"

    async def add(self, platform: AnyPlatform, simulator: SimulatorT, number: int) -> tuple[ForwardOrder, ShopOrder]:
        """Adds a sample order, undisturbed."""
        order = self.sample_order(simulator, self.reference(platform, number))
        return order, await self.ask(platform, platform.add_order(order, MemoryProgress()))

    async def add_unpaid(self, platform: AnyPlatform, simulator: SimulatorT) -> OrderRef:
        """Adds a sample order that is not paid yet."""
        order = self.sample_order(simulator, self.reference(platform, 1))
        paying = order.payment or ForwardPayment(kind=PaymentKind.ONLINE, paid=False)
        unpaid = msgspec.structs.replace(paying, kind=PaymentKind.ONLINE, paid=False, paid_at=None)
        order = msgspec.structs.replace(order, payment=unpaid)
        added = await self.ask(platform, platform.add_order(order, MemoryProgress()))
        return OrderRef(id=added.id, reference=order.reference)

    async def settle(
        self, platform: AnyPlatform, simulator: SimulatorT, order: ForwardOrder, progress: Progress
    ) -> ShopOrder | None:
        """Carries an order to its end as the daemon does; None where only the seller could go on."""
        searchable = Capability.FIND_ORDER in self.platform_class.capabilities
        steps = Capability.ADD_IS_MULTI_STEP in self.platform_class.capabilities  # so a half made order may stand there
        for _ in range(TRIES):
            before = len(self.shop_orders(simulator, order.reference))
            try:
                added = await self.ask(platform, platform.add_order(order, progress))
            except Unavailable as error:
                there = self.shop_orders(simulator, order.reference)
                assert steps or len(there) == before, f"{error!r} must mean that nothing was applied, but it was"
                await self.wait(platform, error)
                continue
            except Unsure:
                if not searchable:
                    return None
                await self.wait(platform, seconds=SETTLE)
                since = self.since(platform, simulator)
                found: ShopOrder | None = await self.insist(platform, "find_order", order.reference, since)
                if found is None:
                    assert steps or not self.shop_orders(simulator, order.reference), "find_order overlooked the order"
                    continue
                return found
            except PlatformError as error:
                there = self.shop_orders(simulator, order.reference)
                assert steps or len(there) == before, f"{error!r} ends the job, but the order is there"
                raise
            assert len(self.shop_orders(simulator, order.reference)) == 1, "a ShopOrder was answered without an order"
            return added
        return pytest.fail(f"the order was not added in {TRIES} tries after a single fault")

    async def requests_of_add(self, platform: AnyPlatform, simulator: SimulatorT) -> int:
        """How many requests one undisturbed `add_order` makes, once the platform knows what it keeps in memory."""
        await self.add(platform, simulator, 901)
        before = sum(simulator.counts.values())
        await self.add(platform, simulator, 902)
        return min(sum(simulator.counts.values()) - before, MOST_REQUESTS)

    # --- adding

    def test_role_is_shop(self) -> None:
        assert self.platform_class.role is Role.SHOP

    async def test_add_order_carries_the_reference(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.ADD_ORDER)
        order, added = await self.add(platform, simulator, 1)
        assert isinstance(added, ShopOrder)
        assert self.shop_orders(simulator, order.reference) == [added.id]

    async def test_the_shops_total_is_the_orders(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.ADD_ORDER, Capability.KEEPS_PRICES)
        order, added = await self.add(platform, simulator, 1)
        assert added.total is not None, "the shop's own figure must be answered, so that it can be compared"
        assert added.total.currency == order.total.currency
        assert added.total.amount == order.total.amount

    async def test_stock_falls_once(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.ADD_ORDER, Capability.STOCK_ON_ADD)
        order = self.sample_order(simulator, self.reference(platform, 1))
        before = {line.sku: self.stock(simulator, line.sku) for line in order.lines if line.sku}
        added = await self.ask(platform, platform.add_order(order, MemoryProgress()))
        assert self._stocks(simulator, order) == self._less(before, order)
        assert added.stock_fell is not False

    @pytest.mark.parametrize("flag", list(CARRIED), ids=lambda flag: names(flag)[0])
    async def test_add_order_carries(self, platform: AnyPlatform, simulator: SimulatorT, flag: Capability) -> None:
        self.need(Capability.ADD_ORDER, flag)
        order, added = await self.add(platform, simulator, 1)
        wanted = [text for text in CARRIED[flag](order) if text]
        if not wanted:
            pytest.skip("the sample order has nothing there")
        kept = repr(self.snapshot(simulator, added.id))
        assert [text for text in wanted if text not in kept] == [], "declared as carried, but not in the shop's order"

    @pytest.mark.parametrize("fate", list(Fate))
    async def test_a_fault_while_adding_never_makes_two_orders_nor_none(
        self, platform: AnyPlatform, simulator: SimulatorT, fate: Fate
    ) -> None:
        """Each request of adding is struck in turn; then the daemon's way to the end leaves exactly one order."""
        self.need(Capability.ADD_ORDER)
        requests = await self.requests_of_add(platform, simulator)
        assert requests
        for struck in range(requests):
            order = self.sample_order(simulator, self.reference(platform, 100 + struck))
            before = self._stocks(simulator, order)
            simulator.script("*", "", *[Fate.GOOD] * struck, fate)
            settled = await self.settle(platform, simulator, order, MemoryProgress())
            simulator.forget_script()
            there = self.shop_orders(simulator, order.reference)
            if settled is None:
                assert len(there) <= 1
                continue
            assert there == [settled.id], f"{fate.value} at request {struck + 1} of {requests}"
            if Capability.KEEPS_PRICES in self.platform_class.capabilities and settled.total is not None:
                assert settled.total.amount == order.total.amount
            if before:
                assert self._stocks(simulator, order) == self._less(before, order)
            await self.wait(platform)

    async def test_progress_is_saved_before_anything_is_left_in_the_shop(
        self, platform: AnyPlatform, simulator: SimulatorT
    ) -> None:
        """The process may be killed after any request; only by what is saved does the daemon know that it has begun."""
        self.need(Capability.ADD_ORDER, Capability.ADD_IS_MULTI_STEP)
        progress = MemoryProgress()
        before = repr(self.contents(simulator))
        unknown: list[str] = []

        def heard(served: Served) -> None:
            if progress.value is None and repr(self.contents(simulator)) != before:
                unknown.append(f"{served.method} {served.path}")

        simulator.on_served = heard
        order = self.sample_order(simulator, self.reference(platform, 1))
        await self.ask(platform, platform.add_order(order, progress))
        assert not unknown, f"{unknown[0]} left something in the shop, and nothing was saved before it"
        assert progress.saved, "an order of several steps saves how far it came"

    # --- finding

    async def test_find_order_finds_exactly_the_reference(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.ADD_ORDER, Capability.FIND_ORDER)
        _, longer = await self.add(platform, simulator, 123)
        order, added = await self.add(platform, simulator, 12)
        _, other = await self.add(platform, simulator, 9)
        since = self.since(platform, simulator)
        found = await self.ask(platform, platform.find_order(order.reference, since))
        assert found is not None
        assert found.id == added.id
        assert found.id not in {longer.id, other.id}
        assert (found.number, found.total) == (added.number, added.total)

    async def test_find_order_answers_none_for_an_unknown_reference(
        self, platform: AnyPlatform, simulator: SimulatorT
    ) -> None:
        self.need(Capability.ADD_ORDER, Capability.FIND_ORDER)
        await self.add(platform, simulator, 123)
        since = self.since(platform, simulator)
        for unknown in (1, 12, 23, 1234):  # beginning, middle, end and continuation of the one that is there
            reference = self.reference(platform, unknown)
            assert await self.ask(platform, platform.find_order(reference, since)) is None

    @pytest.mark.parametrize("fate", BREAKING)
    async def test_a_search_that_fails_raises_and_never_says_not_there(
        self, platform: AnyPlatform, simulator: SimulatorT, fate: Fate
    ) -> None:
        self.need(Capability.ADD_ORDER, Capability.FIND_ORDER)
        order, added = await self.add(platform, simulator, 1)
        since = self.since(platform, simulator)
        simulator.script("*", "", *[fate] * MOST_REQUESTS)
        with pytest.raises(PlatformError):
            await self.ask(platform, platform.find_order(order.reference, since))
        simulator.forget_script()
        for struck in range(MOST_REQUESTS):
            await self.wait(platform, seconds=3600)
            simulator.script("*", "", *[Fate.GOOD] * struck, fate)
            try:
                found = await self.ask(platform, platform.find_order(order.reference, since))
            except PlatformError:
                continue
            finally:
                simulator.forget_script()
            assert found is not None, f"{fate.value} at request {struck + 1} was taken for 'not there'"
            assert found.id == added.id

    # --- telling changes

    async def test_set_status_may_be_repeated(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.ADD_ORDER, Capability.SET_STATUS)
        if self.statuses is None:
            pytest.skip("no two statuses were supplied (statuses)")
        order, added = await self.add(platform, simulator, 1)
        ref = OrderRef(id=added.id, reference=order.reference)
        for status in self.statuses:
            before = self.snapshot(simulator, added.id)
            await self.ask(platform, platform.set_status(ref, status))
            once = self.snapshot(simulator, added.id)
            assert once != before, f"setting {status} changed nothing"
            await self._changes_nothing(platform, simulator, ref, "set_status", status)

    async def test_set_payment_may_be_repeated(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.ADD_ORDER, Capability.SET_PAYMENT)
        ref = await self.add_unpaid(platform, simulator)
        before = self.snapshot(simulator, ref.id)
        payment = PaymentState(paid=True, id="pay-4711")
        await self.ask(platform, platform.set_payment(ref, payment))
        assert self.snapshot(simulator, ref.id) != before, "the shop does not know that the order is paid"
        await self._changes_nothing(platform, simulator, ref, "set_payment", payment)

    async def test_tracking_is_told_once(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.ADD_ORDER, Capability.SET_TRACKING)
        order, added = await self.add(platform, simulator, 1)
        await self.tracking_is_idempotent(platform, simulator, OrderRef(id=added.id, reference=order.reference))

    # --- fetching and products

    async def test_our_own_orders_come_back_as_echoes(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.ADD_ORDER, Capability.FETCH_ORDERS)
        cursor = (await self.pages(platform, None))[-1].cursor
        order, added = await self.add(platform, simulator, 1)
        pages = await self.pages(platform, cursor)
        fetched = {found.external_id for page in pages for found in page.orders}
        assert added.id not in fetched, "an order that we added must not be imported"
        echoes = {echo.reference: echo.id for page in pages for echo in page.echoes}
        assert echoes.get(order.reference) == added.id

    async def test_an_echo_tells_that_the_order_was_paid(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.ADD_ORDER, Capability.FETCH_ORDERS, Capability.SET_PAYMENT, Capability.PAYMENT_READ)
        ref = await self.add_unpaid(platform, simulator)
        cursor = (await self.pages(platform, None))[-1].cursor
        await self.ask(platform, platform.set_payment(ref, PaymentState(paid=True, id="pay-4711")))
        echoes = [echo for page in await self.pages(platform, cursor) for echo in page.echoes if echo.id == ref.id]
        assert echoes
        assert echoes[-1].paid is True

    async def test_find_products_answers_in_the_order_of_the_keys(
        self, platform: AnyPlatform, simulator: SimulatorT
    ) -> None:
        self.need(Capability.FIND_PRODUCTS)
        lines = self.sample_order(simulator, self.reference(platform, 1)).lines
        skus = [line.sku for line in lines if line.sku]
        assert skus, "the sample order's lines must have SKUs"
        keys = [ProductKey(sku="no-such-sku"), *(ProductKey(sku=sku) for sku in skus), ProductKey(sku=skus[0])]
        products = await self.ask(platform, platform.find_products(keys))
        assert [product.sku if product else None for product in products] == [None, *skus, skus[0]]
        assert await self.ask(platform, platform.find_products([])) == ()

    async def _changes_nothing(
        self, platform: AnyPlatform, simulator: SimulatorT, ref: OrderRef, hook: str, told: object
    ) -> None:
        """Repeats a change, undisturbed and struck; the order stays as it is."""
        once = self.snapshot(simulator, ref.id)
        for fate in (Fate.GOOD, Fate.LOST, Fate.FAILED_AFTER, Fate.DROPPED):
            simulator.script("*", "", fate)
            await self.insist(platform, hook, ref, told)
            simulator.forget_script()
            assert self.snapshot(simulator, ref.id) == once, f"`{hook}` again, after {fate.value}, changed the order"

    def _stocks(self, simulator: SimulatorT, order: ForwardOrder) -> dict[str, int]:
        """Each SKU's stock; nothing where it does not fall, or where it was not supplied."""
        counted = Capability.STOCK_ON_ADD in self.platform_class.capabilities
        if not counted or type(self).stock is ShopContract.stock:
            return {}
        return {line.sku: self.stock(simulator, line.sku) for line in order.lines if line.sku}

    def _less(self, before: dict[str, int], order: ForwardOrder) -> dict[str, int]:
        after = dict(before)
        for line in order.lines:
            if line.sku:
                after[line.sku] -= line.quantity
        return after
