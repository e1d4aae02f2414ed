"""The platform `etsy` keeps the contract of every marketplace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from orderferry import Secret, Url
from orderferry.oauth import Tokens
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.contract_marketplace import MarketplaceContract
from plugins.etsy.platform import Etsy
from plugins.etsy.settings import EtsySettings
from plugins.etsy.simulator import KEYSTRING, REDIRECT, SHARED_SECRET, EtsySimulator


class TestEtsy(MarketplaceContract[EtsySimulator]):
    platform_class = Etsy

    @pytest.fixture
    async def simulator(self, clock: VirtualClock) -> AsyncIterator[EtsySimulator]:
        async with EtsySimulator(seed=1, now=clock.now) as simulator:
            yield simulator

    def open_platform(self, simulator: EtsySimulator, open_account: OpenAccount) -> Etsy:
        issued = simulator.oauth.issue()
        until = simulator.now() + timedelta(seconds=issued["expires_in"])
        tokens = Tokens(access=issued["access_token"], refresh=issued["refresh_token"], expires_at=until)
        return self.account(simulator, open_account, tokens)

    def open_stranger(self, simulator: EtsySimulator, open_account: OpenAccount) -> Etsy:
        until = simulator.now() + timedelta(hours=1)
        return self.account(simulator, open_account, Tokens(access="wrong", refresh="wrong-too", expires_at=until))

    def account(self, simulator: EtsySimulator, open_account: OpenAccount, tokens: Tokens) -> Etsy:
        settings = EtsySettings(
            api_url=Url(simulator.url),
            keystring=KEYSTRING,
            shared_secret=Secret(SHARED_SECRET),
            redirect_uri=Url(REDIRECT),
        )
        return Etsy(open_account(Etsy, settings, tokens=tokens))

    def place_orders(self, simulator: EtsySimulator, count: int) -> list[str]:
        return [simulator.market.purchase() for _ in range(count)]

    def place_malformed(self, simulator: EtsySimulator) -> str:
        return simulator.market.add_malformed("price")

    def cancel_order(self, simulator: EtsySimulator, external_id: str) -> None:
        simulator.market.cancel(external_id)

    def tracking_numbers(self, simulator: EtsySimulator, order_id: str) -> list[str]:
        return simulator.market.parcels(order_id)
