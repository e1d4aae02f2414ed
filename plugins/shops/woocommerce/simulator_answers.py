"""How the simulated shop answers: JSON with the chosen fields, lists with their headers, errors as recorded (22)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from plugins.shops.woocommerce.simulator_state import SimProduct, SimShop

CURRENCIES = frozenset({"PLN", "EUR", "USD", "GBP", "CZK", "HUF", "SEK", "NOK", "DKK", "CHF", "RON", "UAH", "JPY"})
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class WpError(Exception):
    """An error in WordPress's form."""

    def __init__(self, status: int, code: str, message: str, params: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.params = params

    def answer(self) -> web.Response:
        """As it is sent."""
        data: dict[str, Any] = {"status": self.status}
        if self.params is not None:
            data["params"] = dict(self.params)
            data["details"] = {
                name: {"code": "rest_invalid_param", "message": text, "data": None}
                for name, text in self.params.items()
            }
        return answer({"code": self.code, "message": self.message, "data": data}, status=self.status)


def invalid(params: Mapping[str, str]) -> WpError:
    """Parameters that the schema refuses."""
    return WpError(400, "rest_invalid_param", f"Invalid parameter(s): {', '.join(params)}", params)


def answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer; keys that begin with `_` are the simulator's own and stay inside."""
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        headers={"Cache-Control": "no-cache, must-revalidate, max-age=0, no-store, private", **(headers or {})},
        content_type="application/json",
        charset="UTF-8",
    )


def page_of(values: list[Any], query: Mapping[str, str], url: str) -> tuple[list[Any], dict[str, str]]:
    """One page of a list, and its headers."""
    size = _number(query, "per_page", 10)
    page = _number(query, "page", 1)
    if not 1 <= size <= 100:
        raise invalid({"per_page": "per_page must be between 1 (inclusive) and 100 (inclusive)"})
    pages = -(-len(values) // size)
    headers = {"X-WP-Total": str(len(values)), "X-WP-TotalPages": str(pages), "Allow": "GET, POST"}
    if page < pages:
        headers["Link"] = f'<{url}?page={page + 1}>; rel="next"'
    return values[(page - 1) * size : page * size], headers


def fields_of(query: Mapping[str, str]) -> list[list[str]] | None:
    """The `_fields` asked for, as paths; None for all."""
    text = query.get("_fields")
    return [name.strip().split(".") for name in text.split(",")] if text else None


def chosen(value: Mapping[str, Any], fields: list[list[str]] | None) -> dict[str, Any]:
    """The value with nothing but those fields."""
    if fields is None:
        return {key: entry for key, entry in value.items() if not key.startswith("_")}
    result: dict[str, Any] = {}
    for path in fields:
        source: Any = value
        target = result
        for place, name in enumerate(path):
            if not isinstance(source, dict) or name not in source:
                break
            source = source[name]
            if place == len(path) - 1:
                target[name] = source
            else:
                target = target.setdefault(name, {})
    return result


def shown_order(order: Mapping[str, Any], fields: list[list[str]] | None) -> dict[str, Any]:
    """An order as it is answered."""
    shown = chosen(order, fields)
    for key in ("line_items", "shipping_lines", "fee_lines"):
        if key in shown:
            shown[key] = [{k: v for k, v in line.items() if not k.startswith("_")} for line in shown[key]]
    return shown


def shown_product(product: SimProduct) -> dict[str, Any]:
    """A product as it is answered."""
    return {
        "id": product.id,
        "name": product.name,
        "type": product.type,
        "status": "publish",
        "sku": product.sku,
        "price": product.price,
        "regular_price": product.price,
        "tax_status": product.tax_status,
        "tax_class": product.tax_class,
        "manage_stock": product.manage_stock,
        "stock_quantity": product.stock if product.manage_stock else None,
        "stock_status": "instock" if product.stock > 0 else "outofstock",
        "parent_id": product.parent_id,
        "meta_data": [],
        "global_unique_id": product.ean,
    }


def check_order(body: Any, shop: SimShop, *, creating: bool) -> None:
    """Refuses what WooCommerce refuses, and nothing that it takes."""
    bad: dict[str, str] = {}
    statuses = ["auto-draft", *shop.statuses]
    status = body.get("status")
    if status is not None and status not in statuses:
        bad["status"] = f"status is not one of {', '.join(statuses[:-1])}, and {statuses[-1]}."
    if body.get("currency", "PLN") not in CURRENCIES:
        bad["currency"] = f"currency is not one of {', '.join(sorted(CURRENCIES))}."
    if not isinstance(body.get("set_paid", False), bool):
        bad["set_paid"] = "set_paid is not of type boolean."
    email = body.get("billing", {}).get("email")
    if email is not None and not _EMAIL.fullmatch(email):
        bad["billing"] = "Invalid email address."
    for key in ("line_items", "shipping_lines", "fee_lines"):
        for place, line in enumerate(body.get(key, [])):
            for name in ("subtotal", "total"):
                if name in line and not isinstance(line[name], str):
                    bad.setdefault(key, f"{key}[{place}][{name}] is not of type string.")
    if bad:
        raise invalid(bad)
    if not creating:
        return
    if "id" in body:
        raise WpError(400, "woocommerce_rest_shop_order_exists", "Cannot create existing shop_order.")
    if body.get("customer_id"):
        raise WpError(400, "woocommerce_rest_invalid_customer_id", "Customer ID is invalid.")
    for line in body.get("line_items", []):
        if not any(line.get(key) for key in ("sku", "product_id", "variation_id")):
            raise WpError(400, "woocommerce_rest_required_product_reference", "Product ID or SKU is required.")
        if int(line.get("quantity", 1)) == 0:
            raise WpError(500, "internal_server_error", "<p>There has been a critical error on this website.</p>")
    if any(not line.get("method_id") for line in body.get("shipping_lines", [])):
        raise WpError(400, "woocommerce_rest_invalid_shipping_item", "Shipping method ID is required.")


def select_orders(shop: SimShop, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """The orders that a list asks for, in its order; unknown parameters are ignored, as WooCommerce does."""
    statuses = query.get("status", "any").split(",")
    known = {"any", "trash", "auto-draft", *shop.statuses}
    if any(status not in known for status in statuses):
        raise invalid({"status": f"status[0] is not one of {', '.join(sorted(known))}."})
    orders = _candidates(shop, query)
    if "any" in statuses:
        orders = [order for order in orders if order["status"] not in {"trash", "auto-draft"}]
    else:
        orders = [order for order in orders if order["status"] in statuses]
    if "include" in query:
        wanted = set(query["include"].split(","))
        orders = [order for order in orders if str(order["id"]) in wanted]
    if "search" in query:
        orders = [order for order in orders if _found(order, query["search"])]
    for bound, field in (("after", "date_created"), ("modified_after", "date_modified")):
        if bound in query:
            moment, key = _bound(query, bound, field)
            orders = [order for order in orders if order[key] > moment]
    by = {"id": "id", "modified": "date_modified_gmt"}.get(query.get("orderby", "date"), "date_created_gmt")
    orders.sort(key=lambda order: (order[by], order["id"]), reverse=query.get("order", "desc") == "desc")
    return orders


def _candidates(shop: SimShop, query: Mapping[str, str]) -> list[dict[str, Any]]:
    if "created_via" in query:
        references = query["created_via"].split(",")
        # only ASCII is found (recording 23)
        return [
            shop.orders[number] for text in references if text.isascii() for number in shop.created_via.get(text, ())
        ]
    if "modified_after" in query:
        moment, key = _bound(query, "modified_after", "date_modified")
        newest: list[dict[str, Any]] = []
        for order_id in reversed(shop.changed):
            if shop.orders[order_id][key] <= moment:
                break
            newest.append(shop.orders[order_id])
        return newest
    return list(shop.orders.values())


def _bound(query: Mapping[str, str], name: str, field: str) -> tuple[str, str]:
    text = query[name]
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?", text):
        raise invalid({name: "Invalid date."})
    in_gmt = text.endswith("Z") or query.get("dates_are_gmt") in {"true", "1"}
    return text.removesuffix("Z"), f"{field}_gmt" if in_gmt else field


def _found(order: Mapping[str, Any], text: str) -> bool:
    texts = [order["transaction_id"], order["shipping"]["address_2"], order["billing"]["email"]]
    return text == str(order["id"]) or any(text.casefold() in value.casefold() for value in texts)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    return int(text) if text.isdigit() else default
