"""Proving that the key is good, and what the shop's settings mean for us; and the lists for the mapping tables."""

from __future__ import annotations

from collections.abc import Mapping

from orderferry import CheckReport, Choice, ChoiceKind, NeedsLogin, Rejected
from orderferry.php import text, truth
from plugins.shops.shoper.client import ShoperClient
from plugins.shops.shoper.knowledge import CALLED_OFF, Entry, Facts, read_facts, stock_falls
from plugins.shops.shoper.settings import ShoperSettings

WRITING = ("add_order", "set_status", "set_payment", "set_tracking")
CALLED_OFF_SAYS = "an order added with it would count as called off from the beginning"
NO_ORDER = {"order_id": "0"}


async def check(client: ShoperClient, settings: ShoperSettings) -> CheckReport:
    """Reads everything that the hooks read, tries to change an order that can't exist, and changes nothing."""
    config = await client.config()
    facts = await read_facts(client)
    await client.orders(NO_ORDER)
    await client.lines(["0"])
    await client.stocks({"code": "orderferry-check"})
    await client.users("orderferry-check@example.org")
    missing: dict[str, str] = {}
    try:
        await client.try_to_write()
    except Rejected:
        pass  # the answer to a change of an order that is not there: the key may write
    except NeedsLogin:
        missing = dict.fromkeys(WRITING, "the key may not write orders; give it that right in the panel")
    try:
        await client.parcels("0")
    except NeedsLogin:
        missing["set_tracking"] = "the key may not read parcels; give it that right in the panel"
    notes = _unset(settings, facts)
    if not stock_falls(config):
        missing["stock_on_add"] = "the shop is set not to lower its stock when an order is made"
        notes.append("No stock will fall: the shop is set not to lower it when an order is made.")
    if truth(config.warehouses_enabled):
        notes.append("The shop has several warehouses: Shoper itself decides from which of them a line is taken.")
    sent = facts.statuses.get(text(config.shopping_parcel_send_status_id))
    if sent is not None:
        notes.append(f"A parcel moves an order to {sent.label} ({sent.id}); your mapped status is told again after it.")
    name = text(config.shop_name)[:80] or "The shop"
    return CheckReport(summary=f"{name}, {', '.join(facts.currencies)}.", notes=tuple(notes), missing=missing)


def _unset(settings: ShoperSettings, facts: Facts) -> list[str]:
    """A sentence with the shop's own ids for each setting without which an order may be refused."""
    notes = []
    for key, value, entries in (
        ("delivery_method", settings.delivery_method, facts.deliveries),
        ("payment_method", settings.payment_method, facts.payments),
    ):
        if value not in entries:
            said = f"{key} = {value!r} is not there" if value else f"{key} is not set"
            notes.append(f"{said}: orders whose own is not mapped are refused. There are {_listed(entries)}.")
    if not settings.neutral_phone:
        notes.append("neutral_phone is not set: orders without a phone number are refused, as Shoper wants one.")
    return notes


def _listed(entries: Mapping[str, Entry]) -> str:
    return ", ".join(f"{key} ({entry.label})" for key, entry in list(entries.items())[:20]) or "none"


def choices(facts: Facts, kind: ChoiceKind) -> tuple[Choice, ...]:
    """The shop's own list; nothing for carriers, of which Shoper has no list."""
    lists: Mapping[ChoiceKind, Mapping[str, Entry]] = {
        ChoiceKind.STATUSES: facts.statuses,
        ChoiceKind.PAYMENTS: facts.payments,
        ChoiceKind.DELIVERIES: facts.deliveries,
    }
    return tuple(
        Choice(id=key, title=entry.label, not_new=CALLED_OFF_SAYS if entry.type == CALLED_OFF else None)
        for key, entry in lists.get(kind, {}).items()
    )
