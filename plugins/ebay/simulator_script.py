"""A seeded stretch of a seller's day: which purchases are made, what becomes of each, and when.

`plan` is pure, so one seed always tells the same story; `play` carries it out on a `Market`.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from plugins.ebay.simulator_form import Json
from plugins.ebay.simulator_state import Market

NOTES: Final = ("Please in red", "Ring after 4 pm", 'Quotes "and" <b>tags</b> & emoji 🎁')


class Step(Struct, frozen=True, kw_only=True):
    """Something that happens to purchase number `order` at a moment from 0 to 1 of the whole."""

    at: float
    what: str
    order: int
    details: Json = {}


def plan(seed: int, orders: int, skus: Sequence[str]) -> list[Step]:
    """The steps in the order of time; every purchase comes to its end within the plan."""
    chance = random.Random(seed)  # noqa: S311 - the same seed must tell the same story
    steps: list[Step] = []
    n = 0
    while n < orders:
        if n + 1 < orders and chance.random() < 0.04:
            steps += _combined(chance, n, skus)
            n += 2
        else:
            steps += _single(chance, n, skus)
            n += 1
    return sorted(steps, key=lambda step: step.at)


def _single(chance: random.Random, n: int, skus: Sequence[str]) -> list[Step]:
    begin = chance.uniform(0.0, 0.8)
    done = begin + chance.uniform(0.0, 0.05)
    paid = done + chance.uniform(0.0, 0.05)
    site = chance.choices(("EBAY_DE", "EBAY_IT", "EBAY_PL"), weights=(80, 10, 10))[0]
    steps = [Step(at=begin, what="buy", order=n, details={"skus": _wanted(chance, skus), "site": site})]
    end = chance.random()
    if end < 0.03:
        return [*steps, Step(at=done, what="cancel", order=n)]
    steps.append(Step(at=done, what="check_out", order=n, details=_checkout(chance, site)))
    if end < 0.05:
        return [*steps, Step(at=paid, what="cancel", order=n)]
    steps.append(Step(at=paid, what="pay", order=n))
    if end < 0.07:
        steps.append(Step(at=paid + 0.03, what="cancel", order=n))
    elif end < 0.09:
        steps.append(Step(at=paid + 0.02, what="refund", order=n, details={"amount": "1.00"}))
    return steps


def _combined(chance: random.Random, n: int, skus: Sequence[str]) -> list[Step]:
    begin = chance.uniform(0.0, 0.75)
    username = f"buys_twice_{n}"
    return [
        Step(at=begin, what="buy", order=n, details={"skus": _wanted(chance, skus), "username": username}),
        Step(at=begin + 0.02, what="buy", order=n + 1, details={"skus": _wanted(chance, skus), "username": username}),
        Step(at=begin + 0.05, what="combine", order=n),
        Step(at=begin + 0.08, what="check_out", order=n, details=_checkout(chance, "EBAY_DE")),
        Step(at=begin + 0.12, what="pay", order=n),
    ]


def _wanted(chance: random.Random, skus: Sequence[str]) -> dict[str, int]:
    lines = chance.choices((1, 2, 3, 4), weights=(70, 18, 8, 4))[0]
    return {
        sku: chance.choices((1, 2, 3), weights=(80, 15, 5))[0] for sku in chance.sample(skus, min(lines, len(skus)))
    }


def _checkout(chance: random.Random, site: str) -> Json:
    return {
        "service": chance.choices(("parcel", "express", "free"), weights=(60, 20, 20))[0],
        "note": chance.choice(NOTES) if chance.random() < 0.1 else None,
        "hub": chance.random() < 0.05,
        "tax_id": "RSSMRA80A01H501U" if site == "EBAY_IT" else None,
        "discount": "1.00" if chance.random() < 0.05 else None,
    }


async def play(
    market: Market, steps: Sequence[Step], seconds: float, wait_until: Callable[[float], Awaitable[None]]
) -> None:
    """Carries the plan out over so many seconds; `wait_until` waits for a second counted from the beginning."""
    orders: dict[int, str] = {}
    for step in steps:
        await wait_until(step.at * seconds)
        if step.what == "buy":
            orders[step.order] = market.buy(**step.details)
        elif step.what == "combine":
            orders[step.order] = market.combine([orders[step.order], orders[step.order + 1]])
        else:
            getattr(market, step.what)(orders[step.order], **step.details)
