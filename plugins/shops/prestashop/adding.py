"""Adding an order: customer, addresses and cart first, then the prices, and at last the order of that cart.

`progress` is "begun" from before the customer is made, and the plan with the cart's number once that is there.
PrestaShop makes one order of a cart and no second one (recording 18), so the cart's number is on disk before the order
is sent, and every later try sends the same cart. An answer that leaves a doubt is first settled by a look at the
orders of this cart: PHP notices make an error of an order that was made.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from orderferry import (
    Account,
    ForwardOrder,
    Malformed,
    PlatformError,
    ProductKey,
    Progress,
    Rejected,
    ShopOrder,
    Unsure,
)
from orderferry.kept import Kept
from plugins.shops.prestashop import mapping
from plugins.shops.prestashop.catalogue import Catalogue
from plugins.shops.prestashop.client import PrestaClient
from plugins.shops.prestashop.finding import find_unfinished
from plugins.shops.prestashop.knowledge import Shop, read_rates
from plugins.shops.prestashop.mapping import Draft, Parties, Plan, StandIns
from plugins.shops.prestashop.settings import PrestaSettings
from plugins.shops.prestashop.settling import settle

BEGUN = "begun"
_plans = msgspec.json.Decoder(Plan)


class Adder:
    """Adds orders to one shop."""

    def __init__(
        self, client: PrestaClient, account: Account[PrestaSettings], shop: Kept[Shop], catalogue: Catalogue
    ) -> None:
        self._client = client
        self._account = account
        self._shop = shop
        self._catalogue = catalogue
        self._rates: dict[int, Kept[Mapping[int, Decimal]]] = {}

    async def add(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        """Adds the order, or goes on where the last try ended."""
        shop = await self._shop.get()
        state = mapping.state_for(order, shop, self._account.settings)  # a wrong map is refused before anything is made
        saved = progress.value
        made = None if saved is None or saved == BEGUN else _plans.decode(saved)
        if made is None:
            left = await find_unfinished(self._client, shop, order.reference)  # by a try that the store has forgotten
            if left is not None:
                return left
        order_id = None if made is None else await self._order_of(made.cart)
        begun = made is not None and (order_id is not None or await self._stands(made.cart))
        if made is None or not begun:
            made = await self._begin(order, shop, progress)
            await progress.save(msgspec.json.encode(made).decode())
        if order_id is None:
            await self._price(made, begun=begun)
            if order.comment:
                await self._comment(made, order.comment, begun=begun)
            order_id = await self._post(made)
        try:
            return await settle(self._client, self._account, shop, order, made=made, order_id=order_id, state=state)
        except Malformed as error:
            raise Unsure(f"order {order_id} was added, but the shop's answer can't be read: {error}") from error

    async def _stands(self, cart: int) -> bool:
        """Whether the cart of an earlier try is still in the shop: without it no order can come of that try."""
        try:
            await self._client.one("carts", cart)
        except Rejected as error:
            if error.status == 404:
                return False
            raise
        return True

    async def _begin(self, order: ForwardOrder, shop: Shop, progress: Progress) -> Plan:
        drafted = await self._draft(order, shop)
        if progress.value is None:
            await progress.save(BEGUN)
        fields = mapping.customer_fields(order, shop, self._account.settings, secrets.token_urlsafe(18))
        customer = (await self._client.add("customers", fields)).id
        delivery = (await self._client.add("addresses", mapping.delivery_fields(order, customer, shop))).id
        billed = mapping.invoice_fields(order, customer, shop)
        invoice = (await self._client.add("addresses", billed)).id if billed else delivery
        parties = Parties(customer=customer, delivery=delivery, invoice=invoice)
        cart = await self._client.add("carts", mapping.cart_fields(drafted, order.reference, parties, shop))
        return mapping.plan(drafted, cart.id, parties, shop)

    async def _draft(self, order: ForwardOrder, shop: Shop) -> Draft:
        keys = [ProductKey(sku=line.sku, ean=line.ean) if line.goods else ProductKey() for line in order.lines]
        settings = self._account.settings
        names = [settings.delivery_product, settings.other_product]
        found = await self._catalogue.find([*keys, *(ProductKey(sku=name or None) for name in names)])
        stand_ins = StandIns(*(match.item for match in found[len(keys) :]))
        rates = await self._rates_in(mapping.taxed_in(order, shop), shop)
        return mapping.draft(order, found[: len(keys)], stand_ins, shop, rates, settings=settings)

    async def _rates_in(self, code: str, shop: Shop) -> Mapping[int, Decimal]:
        if not shop.taxed:
            return {}
        country = shop.country(code).id
        if country not in self._rates:
            self._rates[country] = Kept(lambda: read_rates(self._client, country), self._account.clock)
        return await self._rates[country].get()

    async def _price(self, made: Plan, *, begun: bool) -> None:
        there: set[tuple[int, int]] = set()
        if begun:
            prices = await self._client.find("specific_prices", {"id_cart": f"[{made.cart}]"})
            there = {(entry.number("id_product"), entry.number("id_product_attribute")) for entry in prices}
        for row in made.rows:
            if (row.product, row.attribute) not in there:
                await self._client.add("specific_prices", mapping.price_fields(made, row))

    async def _comment(self, made: Plan, comment: str, *, begun: bool) -> None:
        if not begun or not await self._client.find("messages", {"id_cart": f"[{made.cart}]"}, "id"):
            await self._client.add("messages", mapping.message_fields(made, comment))

    async def _post(self, made: Plan) -> int:
        try:
            return (await self._client.add("orders", mapping.order_fields(made))).id
        except Unsure:
            order_id = await self._order_if_seen(made.cart)
            if order_id is None:
                raise
            return order_id

    async def _order_if_seen(self, cart: int) -> int | None:
        try:
            return await self._order_of(cart)
        except PlatformError:
            return None  # the doubt stays, and is settled later

    async def _order_of(self, cart: int) -> int | None:
        found = await self._client.find("orders", {"id_cart": f"[{cart}]"}, "id,id_cart")
        return min((entry.id for entry in found if entry.number("id_cart") == cart), default=None)
