"""What the benchmark's buyers buy: the same purchases for the same seed, made with the simulators' own documents."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import msgspec

from daemon.core import forwarding
from daemon.core.maps import Maps
from orderferry import Secret, Url
from plugins.allegro import mapping as allegro
from plugins.allegro.simulator_form import Offer, default_offers
from plugins.allegro.simulator_state import Market
from plugins.shops.woocommerce import mapping as woocommerce
from plugins.shops.woocommerce.knowledge import Match
from plugins.shops.woocommerce.prices import Rate, TaxRules
from plugins.shops.woocommerce.settings import WooSettings
from plugins.shops.woocommerce.simulator_answers import shown_order, shown_product
from plugins.shops.woocommerce.simulator_state import SimShop
from plugins.shops.woocommerce.wire import ProductAnswer

STOCK = 10_000_000
METHODS = ("courier", "point", "courier", "cod", "point", "letter")
STATUSES = {"new": "processing"}
EXTERNAL_ID = re.compile(rb'"key":"_orderferry_order","value":"([0-9a-f-]{36})"')


def stocked_offers() -> list[Offer]:
    """The simulator's products, with more of each than is ever bought."""
    offers = default_offers()
    for offer in offers:
        offer.stock = STOCK
    return offers


def fill_market(market: Market, orders: int) -> None:
    """So many purchases of one to three lines, each ready: three events and one form for each.

    Every third wants an invoice, every fifth has a comment, every sixth is paid in cash on delivery.
    """
    skus = sorted(market.offers)
    for number in range(orders):
        lines = {market.random.choice(skus): 1 + number % 2 for _ in range(1 + number % 3)}
        form = market.buy(lines)
        market.fill(
            form,
            method=METHODS[number % len(METHODS)],
            invoice=("company" if number % 2 else "person") if number % 3 == 0 else None,
            comment="Proszę o wysyłkę do środy." if number % 5 == 0 else None,
        )
        market.ready(form)


def new_market(seed: int, now: Callable[[], datetime]) -> Market:
    """A marketplace with no purchase yet."""
    return Market(random.Random(seed), now, offers=stocked_offers())  # noqa: S311 - purchases must be repeatable


def new_shop(now: Callable[[], datetime]) -> SimShop:
    """A shop with the same products and Polish taxes; the products' numbers are always the same."""
    shop = SimShop(now)
    for offer in stocked_offers():
        shop.add_product(offer.sku, STOCK, ean=offer.ean or "", name=offer.name, price=str(offer.price))
    return shop


def answers(seed: int, orders: int, shop: SimShop, now: Callable[[], datetime]) -> dict[bytes, bytes]:
    """What the shop answers to each purchase of this seed, by the marketplace's id; the shop itself is filled with it.

    Only our own marker differs from what would be answered, which nobody compares.
    """
    market = new_market(seed, now)
    fill_market(market, orders)
    settings = WooSettings(url=Url("https://shop.example"), consumer_key=Secret(""), consumer_secret=Secret(""))
    products = {product.sku: shown_product(product) for product in shop.products.values()}
    known = {sku: Match(msgspec.convert(shown, ProductAnswer)) for sku, shown in products.items()}
    rate = shop.taxes.rates[0]
    rules = TaxRules(
        enabled=True,
        prices_include_tax=True,
        classes=tuple(shop.taxes.classes),
        rates=(Rate(id=rate.id, tax_class="", percent=Decimal(23), country="PL"),),
    )
    found: dict[bytes, bytes] = {}
    for number, (form_id, kept) in enumerate(market.forms.items(), 1):
        order = allegro.order(msgspec.json.encode(kept.form))
        told = forwarding.build(
            order,
            number=number,
            status="new",
            paid=order.paid,
            source="market",
            source_platform="allegro",
            mark=f"ferryaaaaaaaan{number}",
            passing=forwarding.Passing(maps=Maps(statuses=STATUSES)),
        )
        matches = [known[line.sku or ""] for line in told.lines]
        body = woocommerce.draft(told, matches, rules, settings).body
        found[form_id.encode()] = msgspec.json.encode(shown_order(shop.add_order(body), None))
    return found
