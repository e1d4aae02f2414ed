"""Proving that the key is good, and which rights the app has in the shop."""

from __future__ import annotations

from orderferry import CheckReport, NeedsLogin
from plugins.shops.shopify.client import VERSION, ShopifyClient

NEEDED = {
    "read_orders": ("find_order", "fetch_orders", "find_purchase"),
    "write_orders": ("add_order", "set_status", "set_payment"),
    "read_products": ("find_products",),
    "read_merchant_managed_fulfillment_orders": ("set_tracking",),
    "write_merchant_managed_fulfillment_orders": ("set_tracking",),
}


async def check(client: ShopifyClient) -> CheckReport:
    """Reads the shop, the app's scopes and one order; changes nothing."""
    standing = await client.standing()
    scopes = {scope.handle for scope in standing.current_app_installation.access_scopes}
    granted = scopes | {f"read_{scope.removeprefix('write_')}" for scope in scopes}  # writing includes reading
    missing: dict[str, str] = {}
    for scope, hooks in NEEDED.items():
        if scope not in granted:
            missing |= dict.fromkeys(hooks, f"the app lacks the scope {scope}")
    notes = []
    if "read_orders" in granted:
        try:
            await client.read_buyers_data()
        except NeedsLogin:
            why = "the app may not read protected customer data; allow names, addresses, e-mail and phone for it"
            missing["fetch_orders"] = why
            notes.append("Buyers' data of orders can't be read, so the shop's own orders are not fetched.")
    if "read_all_orders" not in granted:
        notes.append("Without the scope read_all_orders the shop shows the orders of the last 60 days only.")
    if not any(version.handle == VERSION and version.supported for version in standing.public_api_versions):
        notes.append(f"Shopify no longer serves version {VERSION} of its API as such: update orderferry.")
    shop = standing.shop
    return CheckReport(
        summary=f"Shopify shop {shop.name}, {shop.currency_code}, API {VERSION}.", notes=tuple(notes), missing=missing
    )
