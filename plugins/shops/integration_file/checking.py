"""Proving that the key is good, and what the file leaves out; and the lists for the mapping tables."""

from __future__ import annotations

from orderferry import CheckReport, Choice, ChoiceKind, Rejected
from orderferry.php import text
from plugins.shops.integration_file.client import FileClient
from plugins.shops.integration_file.settings import FileSettings
from plugins.shops.integration_file.wire import Version

NEEDS = {
    "add_order": "OrderAdd",
    "fetch_orders": "OrdersGet",
    "find_order": "OrdersGet",
    "payment_read": "OrdersGet",
    "set_status": "OrderUpdate",
    "set_payment": "OrderUpdate",
    "set_tracking": "OrderUpdate",
    "find_products": "ProductsList",
    "list_statuses": "StatusesList",
    "list_payments": "PaymentMethodsList",
    "list_deliveries": "DeliveryMethodsList",
}
"""Capability -> the action without which it is not there."""

LISTS = {
    ChoiceKind.STATUSES: "StatusesList",
    ChoiceKind.PAYMENTS: "PaymentMethodsList",
    ChoiceKind.DELIVERIES: "DeliveryMethodsList",
}


async def check(client: FileClient, settings: FileSettings) -> CheckReport:
    """Asks for the file's name and its list of methods, which proves the key; changes nothing."""
    methods = await client.methods()
    missing = {
        name: f"the shop's integration file does not offer {action}"
        for name, action in NEEDS.items()
        if action not in methods
    }
    notes = []
    if "find_order" in missing:
        notes.append(
            "A lost answer is settled by sending again, as the shop is said to know its numbers (unique_numbers)."
            if settings.unique_numbers
            else "Without OrdersGet no order can be looked up: after a lost answer you will be asked."
        )
    notes.append("What the file really does, `orderferry probe` tells.")
    name = await version(client)
    return CheckReport(summary=f"{name}, {len(methods)} methods.", notes=tuple(notes), missing=missing)


async def version(client: FileClient) -> str:
    """The file's own name and version."""
    try:
        found = await client.version()
    except Rejected:
        found = Version()
    return " ".join(part for part in (text(found.platform)[:80], text(found.version)[:40]) if part) or "A file"


async def choices(client: FileClient, kind: ChoiceKind) -> tuple[Choice, ...]:
    """The shop's own list; nothing for carriers, of which the protocol has no list."""
    action = LISTS.get(kind)
    labels = await client.labels(action) if action else {}
    return tuple(Choice(id=key, title=label or key) for key, label in labels.items())
