"""What a simulated Shopify shop holds, in the shape of the API's own types: orders, variants, stock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

Json = dict[str, Any]

ZERO = Decimal(0)
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_PROVINCES = {"US": {"NY", "CA", "TX"}, "IT": {"RM", "MI"}}


class Refused(Exception):  # noqa: N818 - it becomes a `userErrors` entry
    """The shop does not do it."""

    def __init__(self, message: str, field: str = "", code: str = "INVALID") -> None:
        super().__init__(message)
        self.entry = {"message": message, "field": field.split(".") if field else None, "code": code}


class SimVariant(Struct):
    """A variant; `stock` is what is available."""

    number: int
    sku: str
    barcode: str | None
    name: str
    price: Decimal
    stock: int
    tracked: bool = True
    policy: str = "DENY"

    @property
    def gid(self) -> str:
        """Its id."""
        return f"gid://shopify/ProductVariant/{self.number}"

    def shown(self) -> Json:
        """As the API shows it."""
        return {
            "id": self.gid,
            "sku": self.sku,
            "barcode": self.barcode,
            "displayName": self.name,
            "inventoryQuantity": self.stock,
            "inventoryItem": {"tracked": self.tracked},
            "product": {"id": f"gid://shopify/Product/{self.number}"},
        }


class SimShop:
    """Orders and variants. Each order is a `Node` of the API, with what is not shown under keys that begin with "_"."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._numbers = iter(range(1001, 10_000_000))
        self.currency = "PLN"
        self.variants: dict[str, SimVariant] = {}
        self.orders: dict[str, Json] = {}
        self.defined = False

    def now(self) -> datetime:
        """The present moment, to the second as Shopify shows it."""
        return self._now().replace(microsecond=0)

    def add_variant(
        self,
        sku: str,
        stock: int = 100,
        *,
        ean: str | None = None,
        name: str | None = None,
        price: str = "10.00",
        tracked: bool = True,
    ) -> SimVariant:
        """A product with this one variant."""
        variant = SimVariant(next(self._numbers), sku, ean, name or sku, Decimal(price), stock, tracked)
        self.variants[variant.gid] = variant
        return variant

    def by_sku(self, sku: str) -> list[SimVariant]:
        """The variants with this SKU; Shopify allows several."""
        return [variant for variant in self.variants.values() if variant.sku == sku]

    # --- orders

    def create(self, order: Json, options: Json) -> Json:
        """`orderCreate`: raises `Refused`, and has then done nothing."""
        self._check(order)
        claims = self._claims(order, options.get("inventoryBehaviour", "BYPASS"))
        number = next(self._numbers)
        lines = [self._line(line, order) for line in order.get("lineItems", [])]
        shipping = [_shipping_line(line) for line in order.get("shippingLines", [])]
        total = sum((_amount(line["_total"]) for line in (*lines, *shipping)), ZERO)
        if not order.get("taxesIncluded"):
            total += sum((_amount(tax["priceSet"]) for line in (*lines, *shipping) for tax in line["_taxes"]), ZERO)
        moment = self.now().isoformat()
        transactions = order.get("transactions", [])
        received = sum((_amount(one["amountSet"]) for one in transactions if one.get("status") == "SUCCESS"), ZERO)
        financial = order.get("financialStatus") or ("PAID" if received >= total else "PENDING")
        made: Json = {
            "id": f"gid://shopify/Order/{number}",
            "name": f"#{number}",
            "createdAt": moment,
            "updatedAt": moment,
            "cancelledAt": None,
            "closed": False,
            "tags": sorted(set(order.get("tags", []))),
            "taxesIncluded": bool(order.get("taxesIncluded")),
            **{key: order.get(key) for key in ("email", "phone", "note", "poNumber", "sourceIdentifier")},
            "displayFinancialStatus": financial,
            "displayFulfillmentStatus": "UNFULFILLED",
            "canMarkAsPaid": financial in {"PENDING", "PARTIALLY_PAID", "AUTHORIZED"},
            "paymentGatewayNames": sorted({one["gateway"] for one in transactions if one.get("gateway")}),
            "totalPriceSet": self._bag(total),
            "customAttributes": list(order.get("customAttributes", [])),
            "customer": None,
            "billingAddress": _address(order.get("billingAddress")),
            "shippingAddress": _address(order.get("shippingAddress")),
            "_metafields": {(one["namespace"], one["key"]): one["value"] for one in order.get("metafields", [])},
            "_lines": lines,
            "_shipping": shipping,
            "transactions": [{"paymentId": f"p{number}.{place}"} for place in range(len(transactions))],
            "fulfillments": [],
            "_places": [{"id": f"gid://shopify/FulfillmentOrder/{number}", "status": "OPEN"}]
            if any(line["requiresShipping"] for line in lines)
            else [],
            "_mailed": int(bool(options.get("sendReceipt"))),
            "_claims": claims,
        }
        made["metafield"] = lambda key, namespace: _metafield(made, namespace, key)
        made["lineItems"] = lambda first=None, after=None: page_of(made["_lines"], first, after)
        made["shippingLines"] = lambda first=None: page_of(made["_shipping"], first, None)
        made["fulfillmentOrders"] = lambda first=None: page_of(made["_places"], first, None)
        for variant, quantity in claims:
            variant.stock -= quantity
        self.orders[made["id"]] = made
        return made

    def _check(self, order: Json) -> None:
        if not order.get("lineItems"):
            raise Refused("Line items must have at least one line item", "order.lineItems")
        if order.get("currency", self.currency) != self.currency:
            raise Refused("Currency must be the shop's", "order.currency")
        for name in ("shippingAddress", "billingAddress"):
            address = order.get(name) or {}
            if address.get("phone") and not _PHONE.fullmatch(address["phone"]):
                raise Refused("Phone is invalid", f"order.{name}.phone")
            province = address.get("provinceCode")
            if province and province not in _PROVINCES.get(address["countryCode"], ()):
                raise Refused("Province is not valid in this country", f"order.{name}.provinceCode")
        if order.get("email") and "@" not in order["email"]:
            raise Refused("Email is invalid", "order.email")
        for line in (*order["lineItems"], *order.get("shippingLines", [])):
            if any(not tax.get("rate") for tax in line.get("taxLines", [])):
                raise Refused("Tax line rate is missing", "order.lineItems", "TAX_LINE_RATE_MISSING")

    def _claims(self, order: Json, behaviour: str) -> list[tuple[SimVariant, int]]:
        if behaviour == "BYPASS":
            return []
        claims = []
        for line in order["lineItems"]:
            variant = self.variants.get(line.get("variantId") or "")
            if variant is not None and variant.tracked:
                short = behaviour == "DECREMENT_OBEYING_POLICY" and variant.policy == "DENY"
                if short and variant.stock < line["quantity"]:
                    raise Refused("Unable to claim inventory", "order.lineItems", "INVENTORY_CLAIM_FAILED")
                claims.append((variant, line["quantity"]))
        return claims

    def _line(self, line: Json, order: Json) -> Json:
        variant = self.variants.get(line.get("variantId") or "")
        unit = _amount(line["priceSet"]) if line.get("priceSet") else (variant.price if variant else ZERO)
        total = {"shopMoney": {"amount": str(unit * line["quantity"]), "currencyCode": order.get("currency")}}
        shown: Json = {
            "id": f"gid://shopify/LineItem/{next(self._numbers)}",
            "name": line.get("title") or (variant.name if variant else ""),
            "quantity": line["quantity"],
            "sku": variant.sku if variant else line.get("sku"),
            "requiresShipping": bool(line.get("requiresShipping")),
            "variant": variant.shown() if variant else None,
            "_properties": list(line.get("properties", [])),
            "_total": total,
            "_taxes": [_tax(tax) for tax in line.get("taxLines", [])],
        }
        shown["discountedTotalSet"] = lambda withCodeDiscounts=False: shown["_total"]  # noqa: N803, ARG005 - Shopify's name
        shown["taxLines"] = lambda first=None: shown["_taxes"][:first]
        return shown

    def _bag(self, amount: Decimal) -> Json:
        return {"shopMoney": {"amount": f"{amount:.2f}", "currencyCode": self.currency}}

    def order(self, gid: str) -> Json:
        """An order by its id."""
        if gid not in self.orders:
            raise Refused("Order does not exist", "id", "NOT_FOUND")
        return self.orders[gid]

    def touch(self, order: Json) -> None:
        """Notes the change."""
        order["updatedAt"] = self.now().isoformat()

    def cancel(self, order: Json, *, restock: bool) -> None:
        """Cancels it; its goods go back where that is asked."""
        if order["cancelledAt"]:
            raise Refused("Order has already been cancelled", "orderId")
        if order["displayFulfillmentStatus"] == "FULFILLED":
            raise Refused("Cannot cancel an order that has been fulfilled", "orderId")
        order["cancelledAt"] = self.now().isoformat()
        order["closed"] = True
        for place in order["_places"]:
            place["status"] = "CLOSED"
        if restock:
            for variant, quantity in order["_claims"]:
                variant.stock += quantity
        self.touch(order)

    def pay(self, order: Json) -> None:
        """Marks it as paid."""
        if not order["canMarkAsPaid"] or order["cancelledAt"]:
            raise Refused("Order cannot be marked as paid.", "id")
        order["displayFinancialStatus"] = "PAID"
        order["canMarkAsPaid"] = False
        self.touch(order)

    def fulfil(self, place_id: str, tracking: Json) -> None:
        """Sends all that is left of a fulfilment order."""
        for order in self.orders.values():
            for place in order["_places"]:
                if place["id"] == place_id:
                    if place["status"] not in {"OPEN", "IN_PROGRESS"}:
                        raise Refused("Fulfillment order has an unfulfillable status", "fulfillment")
                    place["status"] = "CLOSED"
                    made = {"id": f"gid://shopify/Fulfillment/{next(self._numbers)}", "status": "SUCCESS"}
                    order["fulfillments"].append({**made, "trackingInfo": _parcels(tracking)})
                    open_ones = [one for one in order["_places"] if one["status"] != "CLOSED"]
                    order["displayFulfillmentStatus"] = "PARTIALLY_FULFILLED" if open_ones else "FULFILLED"
                    self.touch(order)
                    return
        raise Refused("Fulfillment order does not exist.", "fulfillment")

    def track(self, fulfillment_id: str, tracking: Json) -> None:
        """Replaces the numbers of a fulfilment."""
        for order in self.orders.values():
            for fulfillment in order["fulfillments"]:
                if fulfillment["id"] == fulfillment_id:
                    fulfillment["trackingInfo"] = _parcels(tracking)
                    self.touch(order)
                    return
        raise Refused("Fulfillment does not exist.", "fulfillmentId")


def by_id(entry: Json) -> str:
    """The usual order of a list."""
    return str(entry["id"])


def page_of(entries: list[Json], first: int | None, after: str | None, key: Callable[[Json], str] = by_id) -> Json:
    """A connection over these entries, which are in the order of `key`; a cursor is the key of the last that was shown.

    So an entry that has moved to the end meanwhile takes nothing with it.
    """
    left = [entry for entry in entries if key(entry) > after] if after else entries
    shown = left[: first or 50]
    info = {"hasNextPage": len(shown) < len(left), "endCursor": key(shown[-1]) if shown else None}
    return {"nodes": shown, "pageInfo": info}


def _metafield(order: Json, namespace: str, key: str) -> Json | None:
    value = order["_metafields"].get((namespace, key))
    return None if value is None else {"value": value}


def _amount(bag: Json) -> Decimal:
    return Decimal(bag["shopMoney"]["amount"])


def _tax(line: Json) -> Json:
    return {"ratePercentage": float(Decimal(line["rate"]) * 100), "priceSet": line["priceSet"], "_title": line["title"]}


def _shipping_line(line: Json) -> Json:
    taxes = [_tax(tax) for tax in line.get("taxLines", [])]
    return {
        "id": line["title"],
        "title": line["title"],
        "code": line.get("code"),
        "discountedPriceSet": line["priceSet"],
        "taxLines": taxes,
        "_total": line["priceSet"],
        "_taxes": taxes,
    }


def _address(given: Json | None) -> Json | None:
    if given is None:
        return None
    names = ("firstName", "lastName", "company", "address1", "address2", "city", "zip", "provinceCode", "phone")
    return {**{name: given.get(name) for name in names}, "countryCodeV2": given.get("countryCode")}


def _parcels(tracking: Json) -> list[Json]:
    numbers = tracking.get("numbers") or ([tracking["number"]] if tracking.get("number") else [])
    return [{"company": tracking.get("company"), "number": number} for number in numbers]


def words(text: str) -> Iterator[tuple[str, str]]:
    """The terms of a search that are joined by OR or AND: the field, "" for any, and the value."""
    for term in re.split(r" (?:OR|AND) ", text):
        field, colon, value = term.partition(":") if not term.startswith('"') else ("", "", term)
        yield (field, value.strip("\"'")) if colon or not field else ("", field)
