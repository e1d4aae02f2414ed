"""Proving that the key is good and that the settings name what is there; and the lists for the mapping tables."""

from __future__ import annotations

from datetime import timedelta

from orderferry import Account, CheckReport, Choice, ChoiceKind, Rejected
from plugins.shops.medusa import telling
from plugins.shops.medusa.client import MedusaClient
from plugins.shops.medusa.settings import MedusaSettings


async def check(client: MedusaClient, account: Account[MedusaSettings]) -> CheckReport:
    """Reads orders, products and what the settings name; changes nothing. A secret API key may do all or nothing."""
    settings = account.settings
    await client.orders_since(account.clock.now() - timedelta(days=1), 0)
    await client.variants("sku", ["orderferry-check"])
    missing: dict[str, str] = {}
    currency = "unknown currency"
    try:
        currency = (await client.region(settings.region)).currency_code.upper()
    except Rejected:
        missing["add_order"] = f"the shop has no region {settings.region}"
    try:
        await client.sales_channel(settings.sales_channel)
    except Rejected:
        missing["add_order"] = f"the shop has no sales channel {settings.sales_channel}"
    if settings.shipping_option not in {option.id for option in await client.shipping_options()}:
        missing["add_order"] = f"the shop has no shipping option {settings.shipping_option}"
    return CheckReport(summary=f"Medusa shop, {currency}.", missing=missing)


async def choices(client: MedusaClient, kind: ChoiceKind) -> tuple[Choice, ...]:
    """The shop's own list; nothing for carriers, of which Medusa has no list."""
    if kind is ChoiceKind.STATUSES:
        return telling.choices()
    if kind is ChoiceKind.DELIVERIES:
        return tuple(Choice(id=option.id, title=option.name or option.id) for option in await client.shipping_options())
    if kind is ChoiceKind.PAYMENTS:
        return tuple(Choice(id=provider.id, title=provider.id) for provider in await client.payment_providers())
    return ()
