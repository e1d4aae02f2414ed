"""What we know of a shop and keep for some minutes: its settings, currencies, states, carriers, countries and taxes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from orderferry import Rejected, Unavailable
from plugins.shops.prestashop.client import PrestaClient, one_of
from plugins.shops.prestashop.prices import Rounding
from plugins.shops.prestashop.wire import Record

CONFIGURED = (
    "PS_CURRENCY_DEFAULT",
    "PS_GUEST_GROUP",
    "PS_LANG_DEFAULT",
    "PS_OS_BANKWIRE",
    "PS_OS_CANCELED",
    "PS_OS_COD_VALIDATION",
    "PS_OS_ERROR",
    "PS_OS_PAYMENT",
    "PS_OS_REFUND",
    "PS_OS_WS_PAYMENT",
    "PS_PRICE_ROUND_MODE",
    "PS_ROUND_TYPE",
    "PS_SHOP_DEFAULT",
    "PS_STOCK_MANAGEMENT",
    "PS_TAX",
    "PS_TAX_ADDRESS_TYPE",
    "PS_TIMEZONE",
    "VATNUMBER_MANAGEMENT",
)
USUAL_STATES = {  # as every installation begins
    "PS_OS_PAYMENT": 2,
    "PS_OS_CANCELED": 6,
    "PS_OS_REFUND": 7,
    "PS_OS_ERROR": 8,
    "PS_OS_BANKWIRE": 10,
    "PS_OS_WS_PAYMENT": 11,
    "PS_OS_COD_VALIDATION": 13,
}
NO_TAX = Decimal(0)


class Currency(Struct, frozen=True):
    """A currency of the shop; `rate` is what one unit of the shop's main currency is worth in it."""

    id: int
    code: str
    decimals: int
    rate: str


class State(Struct, frozen=True, kw_only=True):
    """A state of orders: whether it means paid, shipped, and that the goods are taken from the stock (`logable`)."""

    id: int
    name: str
    paid: bool
    logable: bool
    shipped: bool
    mails: bool
    deleted: bool


class Carrier(Struct, frozen=True, kw_only=True):
    """A carrier; `id` changes with every edit, `reference` stays."""

    id: int
    reference: str
    name: str
    free: bool
    usable: bool


class Country(Struct, frozen=True, kw_only=True):
    """A country; `needs_dni` says that addresses there must carry an identification number."""

    id: int
    code: str
    active: bool
    needs_dni: bool


class Shop(Struct, frozen=True, kw_only=True):
    """The shop as it stands; the states are ids, `own` is the shop's and its group's id."""

    zone: ZoneInfo
    round_mode: int
    round_kind: int
    counts_stock: bool
    taxed: bool
    taxed_by_invoice: bool
    drops_vat: bool
    main_currency: int
    language: int
    guest_group: int
    own: tuple[int, int]
    born: int
    paid: int
    error: int
    cancelled: int
    refunded: int
    unpaid: int
    cod: int
    currencies: Mapping[str, Currency]
    states: Mapping[int, State]
    carriers: Sequence[Carrier]
    countries: Mapping[str, Country]

    def currency(self, code: str) -> Currency:
        """The currency; raises `Rejected` where the shop has not got it."""
        found = self.currencies.get(code)
        if found is None:
            raise Rejected(f"the shop has no currency {code}; add it under International > Localization > Currencies")
        return found

    def currency_code(self, number: int) -> str | None:
        """The code of a currency, by its id."""
        return next((each.code for each in self.currencies.values() if each.id == number), None)

    def country(self, code: str) -> Country:
        """The country; raises `Rejected` where the shop does not deliver there."""
        found = self.countries.get(code)
        if found is None or not found.active:
            raise Rejected(
                f"the country {code} is not active in the shop; activate it under International > Locations > Countries"
            )
        return found

    def country_code(self, number: int) -> str | None:
        """The code of a country, by its id."""
        return next((each.code for each in self.countries.values() if each.id == number), None)

    def rounding(self, currency: Currency) -> Rounding:
        """How amounts in this currency are rounded."""
        return Rounding(mode=self.round_mode, kind=self.round_kind, decimals=currency.decimals)


async def read_shop(client: PrestaClient, id_shop: int) -> Shop:
    """Reads all of it, in six requests."""
    settings, currencies, states, carriers, countries, shops = await asyncio.gather(
        client.find("configurations", {"name": one_of(CONFIGURED)}, "id,name,value,id_shop"),
        client.find("currencies", {}, "id,iso_code,precision,conversion_rate,deleted,active"),
        client.find("order_states", {}, "id,name,paid,logable,shipped,send_email,deleted"),
        client.find("carriers", {}, "id,id_reference,name,active,deleted,is_free"),
        client.find("countries", {}, "id,iso_code,active,need_identification_number"),
        client.find("shops", {}, "id,id_shop_group"),
    )
    values = _values(settings, id_shop)
    own = id_shop or _int(values, "PS_SHOP_DEFAULT", 1)
    groups = {shop.id: shop.number("id_shop_group") for shop in shops}
    if own not in groups:
        raise Rejected(f"the installation has no shop {own}; correct id_shop")
    return Shop(
        zone=_zone(values.get("PS_TIMEZONE", "")),
        round_mode=_int(values, "PS_PRICE_ROUND_MODE", 2),
        round_kind=_int(values, "PS_ROUND_TYPE", 2),
        counts_stock=values.get("PS_STOCK_MANAGEMENT") == "1",
        taxed=values.get("PS_TAX", "1") == "1",
        taxed_by_invoice=values.get("PS_TAX_ADDRESS_TYPE") == "id_address_invoice",
        drops_vat=values.get("VATNUMBER_MANAGEMENT") == "1",
        main_currency=_int(values, "PS_CURRENCY_DEFAULT", 1),
        language=_int(values, "PS_LANG_DEFAULT", 1),
        guest_group=_int(values, "PS_GUEST_GROUP", 2),
        own=(own, groups[own]),
        born=_state(values, "PS_OS_WS_PAYMENT"),
        paid=_state(values, "PS_OS_PAYMENT"),
        error=_state(values, "PS_OS_ERROR"),
        cancelled=_state(values, "PS_OS_CANCELED"),
        refunded=_state(values, "PS_OS_REFUND"),
        unpaid=_state(values, "PS_OS_BANKWIRE"),
        cod=_state(values, "PS_OS_COD_VALIDATION"),
        currencies={each.code: each for entry in currencies if (each := _currency(entry))},
        states={entry.id: _state_of(entry) for entry in states},
        carriers=tuple(_carrier(entry) for entry in carriers),
        countries={entry.get("iso_code").upper(): _country(entry) for entry in countries},
    )


async def read_rates(client: PrestaClient, country: int) -> Mapping[int, Decimal]:
    """The tax in per cent of each group of tax rules for buyers in a country; a group that is missing has none.

    Rules for a part of the country (a state, postcodes) are passed over.
    """
    rules = await client.find("tax_rules", {"id_country": f"[{country}]"})
    whole = [rule for rule in rules if not rule.number("id_state") and rule.get("zipcode_from") in {"", "0"}]
    taxes = await client.find_many("taxes", "id", (rule.number("id_tax") for rule in whole), "id,rate,active,deleted")
    percents = {tax.id: tax.amount("rate") for tax in taxes if tax.flag("active")}
    rates: dict[int, Decimal] = {}
    for rule in sorted(whole, key=lambda rule: rule.id):
        group = rule.number("id_tax_rules_group")
        percent = percents.get(rule.number("id_tax"), NO_TAX)
        if group not in rates:
            rates[group] = percent
        elif rule.number("behavior") == 1:  # "combine": the taxes are added
            rates[group] += percent
    return rates


def _values(settings: Sequence[Record], id_shop: int) -> dict[str, str]:
    """Name -> value; of several shops' values the one of the asked shop."""
    return {
        entry.get("name"): entry.get("value")
        for entry in sorted(settings, key=lambda entry: entry.number("id_shop"))
        if not id_shop or entry.number("id_shop") in {0, id_shop}
    }


def _int(values: Mapping[str, str], name: str, usual: int) -> int:
    text = values.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else usual


def _state(values: Mapping[str, str], name: str) -> int:
    return _int(values, name, USUAL_STATES[name])


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Unavailable(
            f"the shop's time zone {name[:40]!r} is not known on this machine; install its time zones (tzdata)"
        ) from error


def _currency(entry: Record) -> Currency | None:
    if entry.flag("deleted"):
        return None
    decimals = entry.number("precision") if entry.get("precision") else 2
    return Currency(entry.id, entry.text("iso_code"), decimals, entry.get("conversion_rate") or "1")


def _state_of(entry: Record) -> State:
    return State(
        id=entry.id,
        name=entry.get("name") or f"state {entry.id}",
        paid=entry.flag("paid"),
        logable=entry.flag("logable"),
        shipped=entry.flag("shipped"),
        mails=entry.flag("send_email"),
        deleted=entry.flag("deleted"),
    )


def _carrier(entry: Record) -> Carrier:
    return Carrier(
        id=entry.id,
        reference=entry.get("id_reference") or str(entry.id),
        name=entry.get("name"),
        free=entry.flag("is_free"),
        usable=entry.flag("active") and not entry.flag("deleted"),
    )


def _country(entry: Record) -> Country:
    return Country(
        id=entry.id,
        code=entry.get("iso_code").upper(),
        active=entry.flag("active"),
        needs_dni=entry.flag("need_identification_number"),
    )
