"""A seeded stretch of a seller's day: which purchases are made, what becomes of each, and when.

`plan` is pure, so one seed always tells the same story; `play` carries it out on a `Market`.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from plugins.etsy.simulator_form import Json
from plugins.etsy.simulator_state import Market

MESSAGES: Final = ("Please in red", "No hurry at all", 'Quotes "and" <b>tags</b> & emoji 🎁')


class Step(Struct, frozen=True, kw_only=True):
    """Something that happens to purchase number `order` at a moment from 0 to 1 of the whole."""

    at: float
    what: str
    order: int
    details: Json = {}


def plan(seed: int, orders: int, skus: Sequence[str]) -> list[Step]:
    """The steps in the order of time; every purchase comes to its end within the plan."""
    chance = random.Random(seed)  # noqa: S311 - the same seed must tell the same story
    return sorted((step for n in range(orders) for step in _steps(chance, n, skus)), key=lambda step: step.at)


def _steps(chance: random.Random, n: int, skus: Sequence[str]) -> list[Step]:
    begin = chance.uniform(0.0, 0.85)
    paid = begin + chance.uniform(0.0, 0.05)
    steps = [Step(at=begin, what="buy", order=n, details=_purchase(chance, skus))]
    end = chance.random()
    if end < 0.04:
        return [*steps, Step(at=paid, what="cancel", order=n)]
    steps.append(Step(at=paid, what="pay", order=n))
    if end < 0.07:
        steps.append(Step(at=paid + 0.04, what="cancel", order=n))
    elif end < 0.09:
        steps.append(Step(at=paid + 0.04, what="refund", order=n))
    elif end < 0.11:
        steps.append(Step(at=paid + 0.03, what="refund", order=n, details={"amount": "5.00"}))
    return steps


def _purchase(chance: random.Random, skus: Sequence[str]) -> Json:
    lines = chance.choices((1, 2, 3), weights=(75, 18, 7))[0]
    return {
        "skus": {
            sku: chance.choices((1, 2), weights=(90, 10))[0] for sku in chance.sample(skus, min(lines, len(skus)))
        },
        "message": chance.choice(MESSAGES) if chance.random() < 0.2 else None,
        "gift": "Happy birthday!" if chance.random() < 0.1 else None,
        "variation": "For Ola" if chance.random() < 0.2 else None,
        "discount": "3.00" if chance.random() < 0.1 else "0",
        "wrap": "10.00" if chance.random() < 0.05 else "0",
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
        else:
            getattr(market, step.what)(orders[step.order], **step.details)
