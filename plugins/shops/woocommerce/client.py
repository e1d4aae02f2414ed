"""The requests to WooCommerce's REST API v3 (and to the two tracking extensions), one method each.

Source: https://woocommerce.github.io/woocommerce-rest-api-docs/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from orderferry import Account, Rejected
from orderferry.http import Response
from plugins.shops.woocommerce import wire
from plugins.shops.woocommerce.auth import auth_of
from plugins.shops.woocommerce.settings import WooSettings

V3 = "/wc/v3"
PAGE = 100  # the most that WooCommerce gives at once

PRODUCT_FIELDS = "id,parent_id,type,name,sku,global_unique_id,manage_stock,stock_quantity,tax_class,tax_status"
ORDER_FIELDS = (
    "id,number,status,total,currency,created_via,transaction_id,payment_method,date_created_gmt,date_paid_gmt,"
    "meta_data,line_items"
)
STATE_FIELDS = "id,status,created_via,transaction_id,payment_method,date_paid_gmt,meta_data"
REFERENCE_FIELDS = "id,status,created_via,meta_data"
OTHERS_FIELDS = "id,number,status,total,currency,created_via,transaction_id,customer_note,meta_data"
FETCH_FIELDS = (
    f"{ORDER_FIELDS},date_modified_gmt,shipping_total,shipping_tax,customer_id,customer_note,payment_method_title,"
    "billing,shipping,shipping_lines,fee_lines,tax_lines"
)

_order = wire.reader(wire.OrderAnswer)
_orders = wire.reader(list[wire.OrderAnswer])
_named = wire.reader(list[wire.NamedOrder])
_raws = wire.reader(list[msgspec.Raw])
_products = wire.reader(list[wire.ProductAnswer])
_settings = wire.reader(list[wire.SettingAnswer])
_rates = wire.reader(list[wire.TaxRateAnswer])
_slugs = wire.reader(list[wire.Slug])
_gateways = wire.reader(list[wire.Titled])
_zones = wire.reader(list[wire.Zone])
_zone_methods = wire.reader(list[wire.ZoneMethod])
_index = wire.reader(wire.Index)
_system = wire.reader(wire.SystemStatus)
_notes = wire.reader(list[wire.Note])
_shipments = wire.reader(list[wire.Shipment])
_anything = wire.reader(msgspec.Raw)


class WooClient:
    """One shop's API. Every method raises the contract's errors; those that read may be repeated at will."""

    def __init__(self, account: Account[WooSettings]) -> None:
        settings = account.settings
        self._http = account.http(
            f"{settings.url}/wp-json",
            auth=auth_of(settings),
            headers={"Cache-Control": "no-cache"},
            explain=wire.explain,
        )

    async def add_order(self, body: Mapping[str, Any]) -> wire.OrderAnswer:
        """Makes an order: never to be repeated without a look-up."""
        return await self._http.send("POST", f"{V3}/orders", _order, json=body)

    async def change_order(self, order_id: str, body: Mapping[str, Any]) -> wire.OrderAnswer:
        """Changes an order; billing, shipping and lines must not be in it, as they make the shop recalculate."""
        return await self._http.send("PUT", f"{V3}/orders/{number(order_id)}", _order, json=body)

    async def order(self, order_id: str, fields: str = ORDER_FIELDS) -> wire.OrderAnswer:
        """One order."""
        return await self._http.get(f"{V3}/orders/{number(order_id)}", _order, query={"_fields": fields})

    async def orders(self, query: Mapping[str, str], fields: str) -> tuple[list[wire.OrderAnswer], Response]:
        """One page of orders."""
        return await self._http.fetch("GET", f"{V3}/orders", _orders, query={**query, "_fields": fields})

    async def named_orders(self, query: Mapping[str, str]) -> tuple[list[wire.NamedOrder], Response]:
        """One page of orders with all that may name a purchase."""
        return await self._http.fetch("GET", f"{V3}/orders", _named, query={**query, "_fields": OTHERS_FIELDS})

    async def fetch(self, query: Mapping[str, str]) -> tuple[list[msgspec.Raw], Response]:
        """One page of orders, each still raw."""
        return await self._http.fetch("GET", f"{V3}/orders", _raws, query={**query, "_fields": FETCH_FIELDS})

    async def products(self, query: Mapping[str, str]) -> list[wire.ProductAnswer]:
        """At most a page of products and variations."""
        wanted = {**query, "per_page": str(PAGE), "_fields": PRODUCT_FIELDS}
        return await self._http.get(f"{V3}/products", _products, query=wanted)

    async def settings(self, group: str) -> dict[str, Any]:
        """A group of the shop's settings."""
        answer = await self._http.get(f"{V3}/settings/{group}", _settings, query={"_fields": "id,value"})
        return {entry.id: entry.value for entry in answer}

    async def tax_rates(self) -> list[wire.TaxRateAnswer]:
        """All tax rates of the shop."""
        rates: list[wire.TaxRateAnswer] = []
        page = 1
        while True:
            more = await self._http.get(f"{V3}/taxes", _rates, query={"per_page": str(PAGE), "page": str(page)})
            rates += more
            if len(more) < PAGE:
                return rates
            page += 1

    async def tax_classes(self) -> list[wire.Slug]:
        """The tax classes in the shop's order."""
        return await self._http.get(f"{V3}/taxes/classes", _slugs)

    async def statuses(self) -> list[wire.Slug]:
        """All statuses of orders, custom ones too."""
        return await self._http.get(f"{V3}/reports/orders/totals", _slugs)

    async def gateways(self) -> list[wire.Titled]:
        """The payment gateways."""
        return await self._http.get(
            f"{V3}/payment_gateways", _gateways, query={"_fields": "id,title,enabled,method_title"}
        )

    async def zones(self) -> list[wire.Zone]:
        """The delivery zones."""
        return await self._http.get(f"{V3}/shipping/zones", _zones)

    async def zone_methods(self, zone_id: int) -> list[wire.ZoneMethod]:
        """The delivery methods of a zone."""
        return await self._http.get(f"{V3}/shipping/zones/{zone_id}/methods", _zone_methods)

    async def index(self) -> wire.Index:
        """The root: which extensions answer."""
        return await self._http.get("/", _index, query={"_fields": "name,namespaces"})

    async def system(self) -> wire.SystemStatus:
        """Versions, and how orders are kept."""
        fields = "environment.version,environment.wp_version,settings.HPOS_enabled"
        return await self._http.get(f"{V3}/system_status", _system, query={"_fields": fields})

    async def notes(self, order_id: str) -> list[wire.Note]:
        """All notes on an order."""
        return await self._http.get(f"{V3}/orders/{number(order_id)}/notes", _notes)

    async def add_note(self, order_id: str, text: str) -> None:
        """Adds a private note, which is mailed to nobody."""
        path = f"{V3}/orders/{number(order_id)}/notes"
        await self._http.send("POST", path, _anything, json={"note": text, "customer_note": False})

    async def shipments(self, namespace: str, order_id: str) -> list[wire.Shipment]:
        """The parcels that a tracking extension holds."""
        return await self._http.get(f"/{namespace}/orders/{number(order_id)}/shipment-trackings", _shipments)

    async def add_shipment(self, namespace: str, order_id: str, body: Mapping[str, Any]) -> None:
        """Tells a tracking extension of a parcel."""
        path = f"/{namespace}/orders/{number(order_id)}/shipment-trackings"
        await self._http.send("POST", path, _anything, json=body)

    async def providers(self, namespace: str, order_id: str) -> frozenset[str]:
        """The carriers that Shipment Tracking knows, by their names; the route wants an order, any will do."""
        path = f"/{namespace}/orders/{number(order_id)}/shipment-trackings/providers"
        answer = await self._http.get(path, wire.reader(dict[str, dict[str, Any]]))
        return frozenset(name for country in answer.values() for name in country)

    async def try_to_write(self) -> None:
        """A change of an order that cannot exist: raises `Rejected` where the key may write, `NeedsLogin` where not."""
        await self._http.send("PUT", f"{V3}/orders/{NO_ORDER}", _anything, json={})


NO_ORDER = 2**53 - 1


def number(order_id: str) -> str:
    """The id, checked before it becomes part of a path."""
    if not (order_id.isascii() and order_id.isdigit()):
        raise Rejected(f"{order_id[:40]!r} is not the id of a WooCommerce order")
    return order_id


def listed(values: Sequence[str]) -> str:
    """Several values for one query parameter."""
    return ",".join(values)
