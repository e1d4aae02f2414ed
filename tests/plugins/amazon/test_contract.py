"""Amazon keeps the contract of every marketplace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from orderferry import Secret, Url
from orderferry.oauth import Tokens
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.contract_marketplace import MarketplaceContract
from plugins.amazon.platform import Amazon
from plugins.amazon.settings import AmazonSettings
from plugins.amazon.simulator import CLIENT_ID, CLIENT_SECRET, AmazonSimulator


class TestAmazon(MarketplaceContract[AmazonSimulator]):
    platform_class = Amazon

    @pytest.fixture
    async def simulator(self, clock: VirtualClock) -> AsyncIterator[AmazonSimulator]:
        async with AmazonSimulator(seed=1, now=clock.now) as simulator:
            # the kit lets no time pass between a purchase and its fetch, while Amazon tells only of what is older
            simulator.market.now = lambda: clock.now() - timedelta(minutes=5)
            yield simulator

    def open_platform(self, simulator: AmazonSimulator, open_account: OpenAccount) -> Amazon:
        refresh = simulator.lwa.authorise()
        issued = simulator.lwa.issue(refresh)
        until = simulator.now() + timedelta(seconds=issued["expires_in"])
        tokens = Tokens(access=issued["access_token"], refresh=refresh, expires_at=until)
        return self.account(simulator, open_account, tokens)

    def open_stranger(self, simulator: AmazonSimulator, open_account: OpenAccount) -> Amazon:
        until = simulator.now() + timedelta(hours=1)
        tokens = Tokens(access="wrong-access", refresh="wrong-refresh", expires_at=until)
        return self.account(simulator, open_account, tokens)

    def account(self, simulator: AmazonSimulator, open_account: OpenAccount, tokens: Tokens) -> Amazon:
        settings = AmazonSettings(
            api_url=Url(simulator.url),
            auth_url=Url(f"{simulator.url}/auth/o2"),
            client_id=CLIENT_ID,
            client_secret=Secret(CLIENT_SECRET),
        )
        return Amazon(open_account(Amazon, settings, tokens=tokens))

    def place_orders(self, simulator: AmazonSimulator, count: int) -> list[str]:
        return [simulator.market.purchase({"SKU-001": 3}) for _ in range(count)]

    def place_malformed(self, simulator: AmazonSimulator) -> str:
        return simulator.market.add_malformed()

    def cancel_order(self, simulator: AmazonSimulator, external_id: str) -> None:
        simulator.market.cancel(external_id)

    def tracking_numbers(self, simulator: AmazonSimulator, order_id: str) -> list[str]:
        return simulator.market.numbers(order_id)
