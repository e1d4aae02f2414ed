"""Who takes part in the demo: what each platform's simulator and its section of the settings need.

Nothing else in the demo knows one platform from another.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

STOCK: Final = 1_000
SETTLE: Final = "3s"
FAULTS: Final = 0.05
FEWER_FAULTS: Final = 0.005
"""Of a shop that takes some twenty requests for an order, and one order at a time: about every tenth one is struck."""
PRODUCTS: Final = [
    {
        "sku": f"SKU-{number:03d}",
        "ean": f"590000000{number:04d}",
        "name": name,
        "price": price,
        "stock": STOCK,
    }
    for number, (name, price) in enumerate(
        (
            ("Kubek ceramiczny 330 ml", "49.99"),
            ("Koszulka bawełniana M", "79.90"),
            ("Notes A5 w kropki", "24.50"),
            ("Lampka biurkowa", "129.00"),
            ("Herbata zielona 100 g", "18.99"),
            ("Świeca sojowa", "34.00"),
            ("Plecak miejski 20 l", "219.99"),
            ("Zestaw kredek 24", "27.49"),
            ("Butelka termiczna", "89.90"),
            ("Puzzle 1000 elementów", "59.99"),
            ("Koc polarowy", "64.95"),
            ("Długopis żelowy", "7.99"),
        ),
        start=1,
    )
]


class Part(Struct, frozen=True, kw_only=True):
    """A platform that takes part.

    `options` and `faults`, the chance that a request goes wrong, are for its simulator; `told` are the keys that the
    simulator prints and the settings want, and `settings` stand beside them. `sent` is what the platform calls the
    status "sent"; None where it has no statuses.
    """

    platform: str
    title: str
    options: tuple[str, ...] = ()
    faults: float = FAULTS
    told: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()
    sent: str | None = None

    @property
    def account(self) -> str:
        """What its account is called in the settings."""
        return f"{self.platform}-demo"


MARKETPLACES: Final = (
    Part(
        platform="allegro",
        title="Allegro",
        told=("api_url", "auth_url", "client_id", "client_secret"),
        settings=(("poll_every", "0.5s"), ("sweep_every", "4s")),
        sent="SENT",
    ),
    Part(
        platform="ebay",
        title="eBay",
        told=("api_url", "client_id", "client_secret", "ru_name"),
        # a recheck reads each open order by itself, and so long, with these faults, no new one is fetched
        settings=(("poll_every", "0.5s"), ("recheck_every", "20s")),
    ),
    Part(
        platform="amazon",
        title="Amazon",
        options=("--hurry",),
        told=("api_url", "auth_url", "client_id", "client_secret"),
        settings=(("poll_every", "0.5s"), ("sweep_every", "4s")),
    ),
)
SHOPS: Final = (
    Part(
        platform="woocommerce",
        title="WooCommerce",
        told=("url", "consumer_key", "consumer_secret"),
        settings=(("settle", SETTLE),),
        sent="completed",
    ),
    Part(
        platform="prestashop",
        title="PrestaShop",
        options=("--abroad",),
        faults=FEWER_FAULTS,
        told=("url", "key"),
        settings=(("settle", SETTLE),),
        sent="4",
    ),
)
