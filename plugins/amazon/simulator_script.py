"""A seeded stretch of a seller's day: which purchases are made, what becomes of each, and when.

`plan` is pure, so one seed always tells the same story; `play` carries it out on a `Market`.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from plugins.amazon.simulator_order import Json
from plugins.amazon.simulator_state import Market

COUNTRIES: Final = ("PL", "DE", "FR")
NOTES: Final = ("Wszystkiego najlepszego!", "Alles Gute 🎁", 'Joyeux "Noël" <3')


class Step(Struct, frozen=True, kw_only=True):
    """Something that happens to purchase number `order` at a moment from 0 to 1 of the whole."""

    at: float
    what: str
    order: int
    details: Json = {}


def plan(seed: int, orders: int, skus: Sequence[str]) -> list[Step]:
    """The steps in the order of time; every purchase comes to its end within the plan."""
    chance = random.Random(seed)  # noqa: S311 - the same seed must tell the same story
    steps = [step for n in range(orders) for step in _single(chance, n, skus)]
    return sorted(steps, key=lambda step: step.at)


def _single(chance: random.Random, n: int, skus: Sequence[str]) -> list[Step]:
    begin = chance.uniform(0.0, 0.8)
    ready = begin + chance.uniform(0.0, 0.1)
    steps = [Step(at=begin, what="buy", order=n, details=_purchase(chance, skus))]
    end = chance.random()
    if end < 0.03:
        return [*steps, Step(at=ready, what="cancel", order=n)]
    steps.append(Step(at=ready, what="authorise", order=n))
    if end < 0.06:
        steps.append(Step(at=ready + 0.03, what="cancel", order=n))
    elif end < 0.08:
        steps.append(Step(at=ready + 0.02, what="request_cancel", order=n))
    elif end < 0.10:
        steps.append(Step(at=ready + 0.02, what="change_address", order=n, details={"street": "ul. Nowa 1"}))
    return steps


def _purchase(chance: random.Random, skus: Sequence[str]) -> Json:
    lines = chance.choices((1, 2, 3), weights=(75, 18, 7))[0]
    picked = chance.sample(skus, min(lines, len(skus)))
    wishes: Json = {"company": chance.random() < 0.15, "free_shipping": chance.random() < 0.3}
    if chance.random() < 0.1:
        wishes |= {"gift_note": chance.choice(NOTES), "wrap": "3.99"}
    if chance.random() < 0.2:
        wishes["discount"] = "2.50"
    return {
        "skus": {sku: chance.choices((1, 2, 3), weights=(80, 15, 5))[0] for sku in picked},
        "country": chance.choice(COUNTRIES),
        "fulfilled_by": "AMAZON" if chance.random() < 0.03 else "MERCHANT",
        "wishes": wishes,
    }


async def play(
    market: Market, steps: Sequence[Step], seconds: float, wait_until: Callable[[float], Awaitable[None]]
) -> None:
    """Carries the plan out over so many seconds; `wait_until` waits for a second counted from the beginning."""
    ids: dict[int, str] = {}
    for step in steps:
        await wait_until(step.at * seconds)
        if step.what == "buy":
            ids[step.order] = market.buy(**step.details)
        else:
            getattr(market, step.what)(ids[step.order], **step.details)
