"""Net and gross: what to send so that the shop's total is the marketplace's, to the cent.

WooCommerce takes net line totals only, and computes the taxes and the total itself. This file mirrors that arithmetic
(recorded on WooCommerce 9.9.5, read in abstract-wc-order.php, class-wc-tax.php and class-wc-order-item-fee.php), so
that a gap of cents is foreseen, and closed by a fee line in the very same request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from fnmatch import fnmatchcase

from msgspec import Struct

PLACES = Decimal("0.000001")  # WooCommerce keeps six decimals of a net amount and of a tax
ZERO = Decimal(0)
LOCAL_PICKUP = frozenset({"local_pickup", "legacy_local_pickup", "pickup_location"})


class Rate(Struct, frozen=True, kw_only=True):
    """One tax rate of the shop; `percent` is 23 for 23 %. Empty places match everywhere."""

    id: int
    tax_class: str
    percent: Decimal
    country: str = ""
    state: str = ""
    postcodes: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    priority: int = 1
    compound: bool = False
    shipping: bool = True
    order: int = 0


class Place(Struct, frozen=True):
    """Where an order is taxed."""

    country: str = ""
    state: str = ""
    postcode: str = ""
    city: str = ""


class TaxRules(Struct, frozen=True, kw_only=True):
    """The shop's tax settings. A tax class is its slug, "" for the standard one; `classes` are in the shop's order.

    `based_on` is shipping, billing or base; `shipping_class` is a tax class, or "inherit" for that of the goods.
    """

    enabled: bool
    prices_include_tax: bool = False
    based_on: str = "shipping"
    shop: Place = Place()
    shipping_class: str = "inherit"
    round_at_subtotal: bool = False
    decimals: int = 2
    classes: tuple[str, ...] = ()
    rates: tuple[Rate, ...] = ()


class Goods(Struct, frozen=True):
    """A line to be priced: gross for the whole quantity; `status` is the product's tax status."""

    gross: Decimal
    tax_class: str = ""
    status: str = "taxable"


class Priced(Struct, frozen=True, kw_only=True):
    """What to send, net: the lines in their order, the delivery, the fee (zero for none); and the total foreseen."""

    lines: tuple[Decimal, ...]
    delivery: Decimal
    fee: Decimal
    total: Decimal


class Item(Struct, frozen=True):
    """A line as WooCommerce computes with it: net for the whole quantity, and the rates that apply."""

    net: Decimal
    rates: tuple[Rate, ...]
    tax_class: str | None  # None where it is not taxable


def price(goods: Sequence[Goods], delivery: Decimal, total: Decimal, rules: TaxRules, place: Place) -> Priced:
    """Prices an order so that the shop arrives at `total`.

    A gap of at most one smallest unit for each line and the delivery is rounding, and becomes the fee. A larger one is
    no rounding (the marketplace's own discount, a currency without cents) and stays, to be shown to the seller.
    """
    items = [_goods_item(line, rules, place) for line in goods]
    shipping = _delivery_item(delivery, goods, rules, place)
    foreseen = foresee(items, shipping, ZERO, rules, place)
    gap = total - foreseen
    unit = Decimal(1).scaleb(-rules.decimals)
    fee = ZERO
    if gap and abs(gap) <= unit * (len(items) + 1):
        if rules.round_at_subtotal:
            # nothing but the end rounds here, so a line moved by less than a cent closes the gap, and no fee is needed
            items = _shifted(items, total - _exact(items, shipping, ZERO, rules, place))
            foreseen = foresee(items, shipping, ZERO, rules, place)
            gap = total - foreseen
        for step in (0, 1, -1, 2, -2) if gap else ():
            attempt = gap + step * unit
            reached = foresee(items, shipping, attempt, rules, place)
            if reached == total:
                fee, foreseen = attempt, reached
                break
    return Priced(lines=tuple(item.net for item in items), delivery=shipping.net, fee=fee, total=foreseen)


def foresee(items: Sequence[Item], shipping: Item, fee: Decimal, rules: TaxRules, place: Place) -> Decimal:
    """The total that WooCommerce will make of these net amounts.

    Line totals and taxes round each by itself, half down in shops whose prices include tax and half up in others;
    with "round at subtotal" nothing but the end rounds. The delivery rounds half up. A fee above zero is sent untaxed;
    one below zero is taxed in proportion to the rest, whatever its tax status says.
    """
    return _half_up(_exact(items, shipping, fee, rules, place), rules)


def _exact(items: Sequence[Item], shipping: Item, fee: Decimal, rules: TaxRules, place: Place) -> Decimal:
    each = rules.round_at_subtotal
    amount = sum((item.net if each else _tax_round(item.net, rules) for item in items), ZERO)
    taxes = [tax for item in items for tax in _taxes(item.net, item.rates).values()]
    taxes += _fee_taxes(fee, items, shipping, rules, place) if fee < 0 else []
    taxes += _taxes(shipping.net, shipping.rates).values()
    tax = sum((tax if each else _tax_round(tax, rules) for tax in taxes), ZERO)
    return amount + fee + _half_up(shipping.net, rules) + tax


def _shifted(items: Sequence[Item], gross: Decimal) -> list[Item]:
    """The items, the largest moved by so much: there it shows least."""
    at = max(range(len(items)), key=lambda place: items[place].net)
    net = (items[at].net + gross / _factor(items[at].rates)).quantize(PLACES, ROUND_HALF_UP)
    return [*items[:at], Item(net, items[at].rates, items[at].tax_class), *items[at + 1 :]]


def place_of(billing: Place, shipping: Place, method_id: str, rules: TaxRules) -> Place:
    """Where WooCommerce taxes an order with these addresses: as the shop has set, the shop's own place as a last one.

    A parcel fetched by the buyer himself (local pickup) is taxed at the shop.
    """
    if rules.based_on == "base" or method_id in LOCAL_PICKUP:
        return rules.shop
    chosen = shipping if rules.based_on == "shipping" and shipping.country else billing
    return chosen if chosen.country else rules.shop


def rates_for(tax_class: str, rules: TaxRules, place: Place) -> tuple[Rate, ...]:
    """The rates that apply: of each priority the most exact one, by the order in which WooCommerce compares them."""
    if not rules.enabled:
        return ()
    fitting = [rate for rate in rules.rates if rate.tax_class == tax_class and _fits(rate, place)]
    fitting.sort(
        key=lambda rate: (
            rate.priority,
            not rate.country,
            not rate.state,
            not rate.postcodes,
            not rate.cities,
            rate.order,
        )
    )
    chosen: dict[int, Rate] = {}
    for rate in fitting:
        chosen.setdefault(rate.priority, rate)
    return tuple(chosen.values())


def class_of_percent(percent: Decimal | None, rules: TaxRules, place: Place) -> str:
    """The tax class whose rates make this percentage there; the standard one where none does."""
    if percent is not None:
        for tax_class in ("", *rules.classes):
            rates = rates_for(tax_class, rules, place)
            if rates and _factor(rates) == 1 + percent / 100:
                return tax_class
    return ""


def _goods_item(line: Goods, rules: TaxRules, place: Place) -> Item:
    if line.status != "taxable":
        return Item(_net(line.gross, ()), (), None)
    rates = rates_for(line.tax_class, rules, place)
    return Item(_net(line.gross, rates), rates, line.tax_class)


def _delivery_item(gross: Decimal, goods: Sequence[Goods], rules: TaxRules, place: Place) -> Item:
    tax_class = shipping_class(goods, rules)
    if tax_class is None:
        return Item(_net(gross, ()), (), _first_class(goods, rules))
    rates = tuple(rate for rate in rates_for(tax_class, rules, place) if rate.shipping)
    kept = rules.shipping_class if rules.shipping_class != "inherit" else _first_class(goods, rules)
    return Item(_net(gross, rates), rates, kept)


def shipping_class(goods: Sequence[Goods], rules: TaxRules) -> str | None:
    """The delivery's tax class: the set one, or the first of the shop's classes that the goods have; None: untaxed."""
    if rules.shipping_class != "inherit":
        return rules.shipping_class
    found = _classes(goods)
    return next((tax_class for tax_class in ("", *rules.classes) if tax_class in found), None)


def _classes(goods: Sequence[Goods]) -> list[str]:
    return list(dict.fromkeys(line.tax_class for line in goods if line.status in {"taxable", "shipping"}))


def _first_class(goods: Sequence[Goods], rules: TaxRules) -> str | None:
    found = _classes(goods) if rules.enabled else []
    return found[0] if found else None


def _net(gross: Decimal, rates: Sequence[Rate]) -> Decimal:
    return (gross / _factor(rates)).quantize(PLACES, ROUND_HALF_UP)


def _factor(rates: Sequence[Rate]) -> Decimal:
    factor = 1 + sum((rate.percent for rate in rates if not rate.compound), ZERO) / 100
    for rate in rates:
        if rate.compound:
            factor *= 1 + rate.percent / 100
    return factor


def _taxes(net: Decimal, rates: Sequence[Rate]) -> dict[int, Decimal]:
    taxes = {rate.id: net * rate.percent / 100 for rate in rates if not rate.compound}
    before = net + sum(taxes.values(), ZERO)
    for rate in rates:
        if rate.compound:
            taxes[rate.id] = before * rate.percent / 100
            before += taxes[rate.id]
    return {rate_id: tax.quantize(PLACES, ROUND_HALF_UP) for rate_id, tax in taxes.items()}


def _fee_taxes(fee: Decimal, items: Sequence[Item], shipping: Item, rules: TaxRules, place: Place) -> list[Decimal]:
    costs: dict[str | None, Decimal] = {}
    for item in (*items, shipping):
        if item.net > 0:
            costs[item.tax_class] = costs.get(item.tax_class, ZERO) + item.net
    whole = sum(costs.values(), ZERO)
    taxes: dict[int, Decimal] = {}
    for tax_class, cost in costs.items():
        if tax_class is None:
            continue
        for rate_id, tax in _taxes(fee * cost / whole, rates_for(tax_class, rules, place)).items():
            taxes[rate_id] = taxes.get(rate_id, ZERO) + tax
    return list(taxes.values())


def _tax_round(value: Decimal, rules: TaxRules) -> Decimal:
    how = ROUND_HALF_DOWN if rules.prices_include_tax else ROUND_HALF_UP
    return value.quantize(Decimal(1).scaleb(-rules.decimals), how)


def _half_up(value: Decimal, rules: TaxRules) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-rules.decimals), ROUND_HALF_UP)


def _fits(rate: Rate, place: Place) -> bool:
    if rate.country not in {"", place.country} or rate.state not in {"", place.state}:
        return False
    if rate.cities and place.city.upper() not in rate.cities:
        return False
    code = _plain(place.postcode)
    return not rate.postcodes or any(_postcode_fits(pattern, code) for pattern in rate.postcodes)


def _postcode_fits(pattern: str, code: str) -> bool:
    if "..." in pattern:
        low, _, high = (_plain(part) for part in pattern.partition("..."))
        return low.isdigit() and high.isdigit() and code.isdigit() and int(low) <= int(code) <= int(high)
    return fnmatchcase(code, _plain(pattern))


def _plain(postcode: str) -> str:
    return re.sub(r"[\s-]", "", postcode).upper()
