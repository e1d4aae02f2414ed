"""The platform `ebay` keeps the contract of every marketplace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from orderferry import Secret, Url
from orderferry.oauth import Tokens
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.contract_marketplace import MarketplaceContract
from plugins.ebay.platform import Ebay
from plugins.ebay.settings import EbaySettings
from plugins.ebay.simulator import CLIENT_ID, CLIENT_SECRET, RU_NAME, EbaySimulator


class TestEbay(MarketplaceContract[EbaySimulator]):
    platform_class = Ebay

    @pytest.fixture
    async def simulator(self, clock: VirtualClock) -> AsyncIterator[EbaySimulator]:
        async with EbaySimulator(seed=1, now=clock.now) as simulator:
            yield simulator

    def open_platform(self, simulator: EbaySimulator, open_account: OpenAccount) -> Ebay:
        issued = simulator.oauth.issue()
        until = simulator.now() + timedelta(seconds=issued["expires_in"])
        tokens = Tokens(access=issued["access_token"], refresh=issued["refresh_token"], expires_at=until)
        return self.account(simulator, open_account, tokens)

    def open_stranger(self, simulator: EbaySimulator, open_account: OpenAccount) -> Ebay:
        until = simulator.now() + timedelta(hours=1)
        return self.account(simulator, open_account, Tokens(access="wrong", refresh="wrong-too", expires_at=until))

    def account(self, simulator: EbaySimulator, open_account: OpenAccount, tokens: Tokens) -> Ebay:
        settings = EbaySettings(
            api_url=Url(simulator.url), client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET), ru_name=RU_NAME
        )
        return Ebay(open_account(Ebay, settings, tokens=tokens))

    def place_orders(self, simulator: EbaySimulator, count: int) -> list[str]:
        sites = ("EBAY_DE", "EBAY_IT")  # the Italian ones are read one by one
        return [simulator.market.purchase(site=sites[n % 2]) for n in range(count)]

    def place_malformed(self, simulator: EbaySimulator) -> str:
        return simulator.market.add_malformed("price")

    def cancel_order(self, simulator: EbaySimulator, external_id: str) -> None:
        simulator.market.cancel(external_id)

    def tracking_numbers(self, simulator: EbaySimulator, order_id: str) -> list[str]:
        return [one["shipmentTrackingNumber"] for one in simulator.market.fulfillments.get(order_id, [])]
