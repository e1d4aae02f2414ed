"""The simulator's tax arithmetic, in whole millionths: written apart from `prices.py`, so that they prove each other.

Source: recordings of WooCommerce 9.9.5, abstract-wc-order.php, class-wc-tax.php.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from msgspec import Struct, field

MICRO = 1_000_000


class SimRate(Struct, kw_only=True):
    """A tax rate; `tax_class` is "" for the standard one, `rate` is in ten-thousandths of a per cent."""

    id: int
    country: str
    rate: int
    name: str
    tax_class: str = ""


class SimTaxes(Struct, kw_only=True):
    """The simulated shop's tax settings: as in the recordings, unless a test changes them."""

    enabled: bool = True
    prices_include_tax: bool = True
    based_on: str = "shipping"
    base_country: str = "PL"
    shipping_class: str = "inherit"
    round_at_subtotal: bool = False
    decimals: int = 2
    classes: list[str] = field(default_factory=lambda: ["reduced-rate", "zero-rate"])
    rates: list[SimRate] = field(
        default_factory=lambda: [
            SimRate(id=1, country="PL", rate=230_000, name="VAT 23%"),
            SimRate(id=2, country="PL", rate=80_000, name="VAT 8%", tax_class="reduced-rate"),
            SimRate(id=3, country="PL", rate=0, name="VAT 0%", tax_class="zero-rate"),
        ]
    )


def micro(text: str) -> int:
    """An amount in millionths; what is no number is nothing, and a comma is the shop's point, as in WooCommerce."""
    try:
        return int((Decimal(text.replace(",", ".")) * MICRO).to_integral_value(ROUND_HALF_UP))
    except InvalidOperation:
        return 0


def shown(amount: int, decimals: int) -> str:
    """An amount as answers show it: rounded half up to the shop's decimals."""
    return f"{Decimal(up(amount, MICRO // 10**decimals)).scaleb(-6):.{decimals}f}"


def plain(amount: int) -> str:
    """An amount with as many decimals as it has."""
    text = f"{Decimal(amount).scaleb(-6):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def up(amount: int, unit: int) -> int:
    """Rounded to whole units, halves away from zero."""
    sign = -1 if amount < 0 else 1
    return sign * ((abs(amount) + unit // 2) // unit) * unit


def down(amount: int, unit: int) -> int:
    """Rounded to whole units, halves towards zero."""
    sign = -1 if amount < 0 else 1
    return sign * ((abs(amount) + (unit - 1) // 2) // unit) * unit


def taxed_at(order: dict[str, Any], taxes: SimTaxes) -> str:
    """The country whose rates apply to an order."""
    if taxes.based_on == "base":
        return taxes.base_country
    shipping, billing = order["shipping"]["country"], order["billing"]["country"]
    chosen = (shipping or billing) if taxes.based_on == "shipping" else billing
    return chosen or taxes.base_country


def calculate(order: dict[str, Any], statuses: list[str], taxes: SimTaxes) -> None:
    """Fills in all taxes and totals of an order in the API's shape; `statuses` are the tax statuses of its lines."""
    unit = MICRO // 10**taxes.decimals
    round_tax = down if taxes.prices_include_tax else up
    country = taxed_at(order, taxes)
    exempt = any(entry["key"] == "is_vat_exempt" and entry["value"] == "yes" for entry in order["meta_data"])

    def rates(tax_class: str | None) -> list[SimRate]:
        if not taxes.enabled or exempt or tax_class is None:
            return []
        return [rate for rate in taxes.rates if rate.country == country and rate.tax_class == tax_class]

    def tax(net: int, rate: SimRate) -> int:
        return up(net * rate.rate, MICRO) // MICRO

    def line_round(amount: int) -> int:
        return amount if taxes.round_at_subtotal else round_tax(amount, unit)

    cart: dict[int, int] = {}
    shipping_taxes: dict[int, int] = {}
    goods = 0
    subtotals = 0
    line_taxes = 0
    subtotal_taxes = 0
    classes: list[str] = []
    for line, status in zip(order["line_items"], statuses, strict=True):
        net, subtotal = line["_net"], line["_subtotal"]
        goods += line_round(net)
        subtotals += line_round(subtotal)
        if status in {"taxable", "shipping"}:
            classes.append(line["tax_class"])
        applying = rates(line["tax_class"]) if status == "taxable" else []
        parts = {rate.id: tax(net, rate) for rate in applying}
        line["taxes"] = [
            {"id": rate.id, "total": plain(parts[rate.id]), "subtotal": plain(tax(subtotal, rate))} for rate in applying
        ]
        line["total_tax"] = shown(sum(line_round(part) for part in parts.values()), taxes.decimals)
        line["subtotal_tax"] = shown(sum(line_round(tax(subtotal, rate)) for rate in applying), taxes.decimals)
        line_taxes += sum(parts.values())
        subtotal_taxes += sum(tax(subtotal, rate) for rate in applying)
        for rate_id, part in parts.items():
            cart[rate_id] = cart.get(rate_id, 0) + line_round(part)
    in_order = [tax_class for tax_class in ("", *taxes.classes) if tax_class in classes]
    delivery_class = taxes.shipping_class if taxes.shipping_class != "inherit" else (in_order[0] if in_order else None)
    delivered = 0
    for line in order["shipping_lines"]:
        net = line["_net"]
        delivered += up(net, unit)
        parts = {rate.id: tax(net, rate) for rate in rates(delivery_class)}
        line["taxes"] = [{"id": rate_id, "total": plain(part), "subtotal": ""} for rate_id, part in parts.items()]
        line["total_tax"] = shown(sum(line_round(part) for part in parts.values()), taxes.decimals)
        for rate_id, part in parts.items():
            shipping_taxes[rate_id] = shipping_taxes.get(rate_id, 0) + line_round(part)
    fees = 0
    for fee in order["fee_lines"]:
        net = fee["_net"]
        fees += net
        parts = _fee_parts(order, statuses, fee, classes, rates)
        fee["taxes"] = [{"id": rate_id, "total": plain(part), "subtotal": ""} for rate_id, part in parts.items()]
        fee["total_tax"] = shown(sum(line_round(part) for part in parts.values()), taxes.decimals)
        for rate_id, part in parts.items():
            cart[rate_id] = cart.get(rate_id, 0) + line_round(part)
    cart_tax, shipping_tax = sum(cart.values()), sum(shipping_taxes.values())
    order["discount_total"] = shown(subtotals - goods, taxes.decimals)
    order["discount_tax"] = shown(round_tax(subtotal_taxes - line_taxes, unit), taxes.decimals)
    order["shipping_total"] = shown(delivered, taxes.decimals)
    order["shipping_tax"] = shown(shipping_tax, taxes.decimals)
    order["cart_tax"] = shown(cart_tax, taxes.decimals)
    order["total_tax"] = shown(cart_tax + shipping_tax, taxes.decimals)
    order["total"] = shown(goods + fees + delivered + cart_tax + shipping_tax, taxes.decimals)
    known = {rate.id: rate for rate in taxes.rates}
    order["tax_lines"] = [
        {
            "id": order["id"] * 1000 + 900 + rate_id,
            "rate_code": f"{known[rate_id].country}-{known[rate_id].name.upper()}-1",
            "rate_id": rate_id,
            "label": known[rate_id].name,
            "compound": False,
            "tax_total": shown(cart.get(rate_id, 0), taxes.decimals),
            "shipping_tax_total": shown(shipping_taxes.get(rate_id, 0), taxes.decimals),
            "rate_percent": known[rate_id].rate / 10_000,
            "meta_data": [],
        }
        for rate_id in sorted({*cart, *shipping_taxes})
    ]


def _fee_parts(
    order: dict[str, Any], statuses: list[str], fee: dict[str, Any], classes: list[str], rates: Any
) -> dict[int, int]:  # `rates` is the closure above
    net = fee["_net"]
    if net >= 0:
        if fee["tax_status"] != "taxable":
            return {}
        return {rate.id: up(net * rate.rate, MICRO) // MICRO for rate in rates(fee["tax_class"])}
    costs: dict[str | None, int] = {}
    for line, status in zip(order["line_items"], statuses, strict=True):
        tax_class = line["tax_class"] if status == "taxable" else None
        costs[tax_class] = costs.get(tax_class, 0) + max(line["_net"], 0)
    for line in order["shipping_lines"]:
        first = classes[0] if classes else None
        costs[first] = costs.get(first, 0) + max(line["_net"], 0)
    whole = sum(costs.values())
    parts: dict[int, int] = {}
    for tax_class, cost in costs.items():
        for rate in rates(tax_class) if whole else []:
            share = up(net * cost * rate.rate, whole * MICRO) // (whole * MICRO)
            parts[rate.id] = parts.get(rate.id, 0) + share
    return parts
