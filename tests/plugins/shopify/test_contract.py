"""The contract's own tests, against the simulated shop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orderferry import ForwardOrder, Secret, Url
from orderferry.testing.account import OpenAccount
from orderferry.testing.contract_shop import ShopContract
from orderferry.testing.samples import forward_order
from plugins.shops.shopify.platform import Shopify
from plugins.shops.shopify.settings import ShopifySettings
from plugins.shops.shopify.simulator import TOKEN, ShopifySimulator

SKUS = ("MUG-1", "MUG-2", "SHIRT-M")


class TestShopify(ShopContract[ShopifySimulator]):
    platform_class = Shopify
    statuses = ("tag:packing", "fulfilled")

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[ShopifySimulator]:
        async with ShopifySimulator(seed=1, samples=False) as simulator:
            for sku in SKUS:
                simulator.shop.add_variant(sku, 500, price="20.00")
            yield simulator

    def open_platform(self, simulator: ShopifySimulator, open_account: OpenAccount) -> Shopify:
        return opened(simulator, open_account, TOKEN)

    def open_stranger(self, simulator: ShopifySimulator, open_account: OpenAccount) -> Shopify:
        return opened(simulator, open_account, "shpat_of_nobody")

    def sample_order(self, simulator: ShopifySimulator, reference: str) -> ForwardOrder:  # noqa: ARG002 - the kit hands it in
        return forward_order(reference, skus=SKUS)

    def shop_orders(self, simulator: ShopifySimulator, reference: str) -> list[str]:
        return [
            gid.rpartition("/")[2]
            for gid, order in simulator.shop.orders.items()
            if reference in order["_metafields"].values()
        ]

    def snapshot(self, simulator: ShopifySimulator, order_id: str) -> object:
        order = simulator.shop.orders[f"gid://shopify/Order/{order_id}"]
        return repr({key: value for key, value in order.items() if key != "updatedAt" and not callable(value)})

    def stock(self, simulator: ShopifySimulator, sku: str) -> int:
        return simulator.shop.by_sku(sku)[0].stock

    def place_orders(self, simulator: ShopifySimulator, count: int) -> list[str]:
        return [simulator.place_order()["id"].rpartition("/")[2] for _ in range(count)]

    def place_malformed(self, simulator: ShopifySimulator) -> str:
        order = simulator.place_order()
        order["totalPriceSet"] = {"shopMoney": {"amount": "many", "currencyCode": "PLN"}}
        return str(order["id"].rpartition("/")[2])

    def cancel_order(self, simulator: ShopifySimulator, external_id: str) -> None:
        simulator.shop.cancel(simulator.shop.orders[f"gid://shopify/Order/{external_id}"], restock=True)

    def tracking_numbers(self, simulator: ShopifySimulator, order_id: str) -> list[str]:
        order = simulator.shop.orders[f"gid://shopify/Order/{order_id}"]
        return [entry["number"] for sent in order["fulfillments"] for entry in sent["trackingInfo"]]


def opened(simulator: ShopifySimulator, open_account: OpenAccount, token: str) -> Shopify:
    settings = ShopifySettings(url=Url(simulator.url), access_token=Secret(token))
    return Shopify(open_account(Shopify, settings))
