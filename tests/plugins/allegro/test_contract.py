"""Allegro keeps the contract of every marketplace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from orderferry import Secret, Url
from orderferry.oauth import Tokens
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.contract_marketplace import MarketplaceContract
from plugins.allegro.platform import Allegro
from plugins.allegro.settings import AllegroSettings
from plugins.allegro.simulator import CLIENT_ID, CLIENT_SECRET, AllegroSimulator


class TestAllegro(MarketplaceContract[AllegroSimulator]):
    platform_class = Allegro

    @pytest.fixture
    async def simulator(self, clock: VirtualClock) -> AsyncIterator[AllegroSimulator]:
        async with AllegroSimulator(seed=1, now=clock.now) as simulator:
            yield simulator

    def open_platform(self, simulator: AllegroSimulator, open_account: OpenAccount) -> Allegro:
        issued = simulator.oauth.issue()
        until = simulator.now() + timedelta(seconds=issued["expires_in"])
        tokens = Tokens(access=issued["access_token"], refresh=issued["refresh_token"], expires_at=until)
        return self.account(simulator, open_account, tokens)

    def open_stranger(self, simulator: AllegroSimulator, open_account: OpenAccount) -> Allegro:
        until = simulator.now() + timedelta(hours=1)
        tokens = Tokens(access="wrong-access", refresh="wrong-refresh", expires_at=until)
        return self.account(simulator, open_account, tokens)

    def account(self, simulator: AllegroSimulator, open_account: OpenAccount, tokens: Tokens) -> Allegro:
        settings = AllegroSettings(
            api_url=Url(simulator.url),
            auth_url=Url(f"{simulator.url}/auth/oauth"),
            client_id=CLIENT_ID,
            client_secret=Secret(CLIENT_SECRET),
        )
        return Allegro(open_account(Allegro, settings, tokens=tokens))

    def place_orders(self, simulator: AllegroSimulator, count: int) -> list[str]:
        placed = [simulator.market.buy() for _ in range(count)]
        for form_id in placed:
            simulator.market.fill(form_id)
            simulator.market.ready(form_id)
        return placed

    def place_malformed(self, simulator: AllegroSimulator) -> str:
        return simulator.market.add_malformed("price")

    def cancel_order(self, simulator: AllegroSimulator, external_id: str) -> None:
        simulator.market.cancel(external_id)

    def tracking_numbers(self, simulator: AllegroSimulator, order_id: str) -> list[str]:
        return [one["waybill"] for one in simulator.market.shipments.get(order_id, [])]
