"""The contract test kit for marketplaces: see `orderferry.testing.contract` for how it is used."""
# ruff: noqa: S101, PT017 - a test kit asserts, also about errors that it lets pass

from __future__ import annotations

import pytest

from orderferry.capability import Capability
from orderferry.errors import PlatformError, Unsure
from orderferry.forward import OrderRef
from orderferry.model import Parcel, Role
from orderferry.testing.contract import BREAKING, MOST_REQUESTS, AnyPlatform, PlatformContract, SimulatorT
from orderferry.testing.simulator import Fate


class MarketplaceContract(PlatformContract[SimulatorT]):
    """What holds for a marketplace.

    Supply `platform_class`, `simulator`, `open_platform`, `place_orders`; for tracking also `tracking_numbers`.
    """

    def test_role_is_marketplace(self) -> None:
        assert self.platform_class.role is Role.MARKETPLACE
        assert Capability.FETCH_ORDERS in self.platform_class.capabilities, "a marketplace must tell its orders"

    async def test_ready_orders_say_where_to_and_how_much(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        begun = (await self.pages(platform, None))[-1].cursor
        placed = self.place_orders(simulator, 2)
        orders = [order for page in await self.pages(platform, begun) for order in page.orders]
        told = [order for order in orders if order.external_id in placed]
        assert told
        for order in told:
            assert order.delivery.address or order.delivery.pickup_point
            assert order.total.amount > 0
            assert all(line.offer_id for line in order.lines), "a line says which offer was bought"
            assert order.buyer.login or order.buyer.email or order.buyer.id

    async def test_an_unchanged_order_keeps_its_revision(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        begun = (await self.pages(platform, None))[-1].cursor
        (placed,) = self.place_orders(simulator, 1)
        told = [
            order
            for _ in range(2)
            for page in await self.pages(platform, begun)
            for order in page.orders
            if order.external_id == placed
        ]
        assert len({(order.revision, order.updated_at) for order in told}) == 1

    async def test_tracking_is_told_once(self, platform: AnyPlatform, simulator: SimulatorT) -> None:
        self.need(Capability.SET_TRACKING)
        (placed,) = self.place_orders(simulator, 1)
        await self.tracking_is_idempotent(platform, simulator, OrderRef(id=placed))

    @pytest.mark.parametrize("fate", BREAKING)
    async def test_a_fault_while_telling_tracking_is_an_error_of_the_contract(
        self, platform: AnyPlatform, simulator: SimulatorT, fate: Fate
    ) -> None:
        """Either the parcel is there, or the hook said something: silence is not allowed to lose it."""
        self.need(Capability.SET_TRACKING)
        number = "620000000000000000000007"
        parcels = [Parcel(carrier="InPost", number=number)]
        for struck in range(MOST_REQUESTS):
            (placed,) = self.place_orders(simulator, 1)
            simulator.script("*", "", *[Fate.GOOD] * struck, fate)
            try:
                await self.ask(platform, platform.set_tracking(OrderRef(id=placed), parcels))
            except PlatformError as error:
                there = self.tracking_numbers(simulator, placed)
                assert not there or isinstance(error, Unsure), "what was applied may only be called Unsure"
                await self.wait(platform, error)
            else:
                assert self.tracking_numbers(simulator, placed) == [number]
            simulator.forget_script()
