"""What we know of a shop and keep for some minutes: its taxes, currencies, statuses, methods and settings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct

from orderferry import Rejected
from orderferry.php import Scalar, text, truth
from plugins.shops.shoper.client import ShoperClient
from plugins.shops.shoper.wire import Config, NamedRow, TaxRow, decimal

NEW, CLOSED, CALLED_OFF = "1", "3", "4"  # the types that statuses have


class Tax(Struct, frozen=True):
    """A tax as a line of an order names it."""

    id: str
    name: str
    percent: Decimal


class Entry(Struct, frozen=True):
    """A status, a payment or a delivery method; `type` is a status's, `tax` a delivery method's."""

    id: str
    label: str
    type: str = ""
    tax: str = ""


class Facts(Struct, frozen=True, kw_only=True):
    """The shop's own lists, each by id and in its order; `currencies` is by ISO code."""

    taxes: tuple[Tax, ...]
    currencies: Mapping[str, str]
    statuses: Mapping[str, Entry]
    payments: Mapping[str, Entry]
    deliveries: Mapping[str, Entry]
    zone: tzinfo = UTC
    default_tax: str = ""
    stock_falls: bool = True

    def currency(self, currency_id: Scalar) -> str | None:
        """The ISO code of a currency's id."""
        wanted = text(currency_id)
        return next((code for code, id_ in self.currencies.items() if id_ == wanted), None)

    def tax(self, tax_id: str) -> Tax | None:
        """The tax with this id."""
        return next((tax for tax in self.taxes if tax.id == tax_id), None)

    def tax_of(self, percent: Decimal) -> Tax | None:
        """The tax of so many per cent; one that is named by its figure comes before "exempt" and its like."""
        fitting = [tax for tax in self.taxes if tax.percent == percent]
        return next((tax for tax in fitting if tax.name[:1].isdigit()), fitting[0] if fitting else None)


async def read_facts(client: ShoperClient) -> Facts:
    """Reads all of it, in six requests."""
    config, taxes, currencies, statuses, payments, deliveries = await asyncio.gather(
        client.config(),
        client.taxes(),
        client.named("currencies"),
        client.named("statuses"),
        client.named("payments"),
        client.named("shippings"),
    )
    return Facts(
        taxes=tuple(tax for row in taxes if (tax := _tax(row))),
        currencies={text(row.name).upper(): text(row.currency_id) for row in currencies},
        statuses={entry.id: entry for row in statuses if (entry := _entry(row, row.status_id)).id},
        payments={entry.id: entry for row in payments if (entry := _entry(row, row.payment_id)).id},
        deliveries={entry.id: entry for row in deliveries if (entry := _entry(row, row.shipping_id)).id},
        zone=zone_of(config),
        default_tax=text(config.product_defaults_tax_id),
        stock_falls=stock_falls(config),
    )


def stock_falls(config: Config) -> bool:
    """Whether the shop lowers its stock when a line is added; a shop that does not say so does."""
    return config.shopping_update_stock_on_buy is None or truth(config.shopping_update_stock_on_buy)


def zone_of(config: Config) -> tzinfo:
    """The zone of the shop's times, which carry none themselves."""
    name = text(config.locale_timezone) or "Europe/Warsaw"
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise Rejected(f"this machine does not know the shop's time zone {name[:40]!r}: install tzdata") from error


def _tax(row: TaxRow) -> Tax | None:
    percent = decimal(row.value)
    return None if percent is None else Tax(text(row.tax_id), text(row.name), percent)


def _entry(row: NamedRow, id_: Scalar) -> Entry:
    key = text(id_)
    return Entry(key, row.label(key), text(row.type), text(row.tax_id))
