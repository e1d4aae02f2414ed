"""A seeded stretch of a seller's day: which purchases are made, what becomes of each, and when.

`plan` is pure, so one seed always tells the same story; `play` carries it out on a `Market`.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from plugins.allegro.simulator_form import Json
from plugins.allegro.simulator_state import Market, Refused

METHOD_WEIGHTS: Final = {"point": 45, "courier": 30, "cod": 15, "letter": 10}
COMMENTS: Final = ("Proszę o kolor czerwony", "Dzwonić po 16:00", 'Cudzysłów "i" <b>znaczniki</b> & emoji 🎁')


class Step(Struct, frozen=True, kw_only=True):
    """Something that happens to purchase number `order` at a moment from 0 to 1 of the whole."""

    at: float
    what: str
    order: int
    other: int | None = None
    details: Json = {}


def plan(seed: int, orders: int, skus: Sequence[str]) -> list[Step]:
    """The steps in the order of time; every purchase comes to its end within the plan."""
    chance = random.Random(seed)  # noqa: S311 - the same seed must tell the same story
    steps: list[Step] = []
    n = 0
    while n < orders:
        if n + 1 < orders and chance.random() < 0.03:
            steps += _merged(chance, n, skus)
            n += 2
        else:
            steps += _single(chance, n, skus)
            n += 1
    return sorted(steps, key=lambda step: step.at)


def _single(chance: random.Random, n: int, skus: Sequence[str]) -> list[Step]:
    begin = chance.uniform(0.0, 0.8)
    filled = begin + chance.uniform(0.0, 0.08)
    ready = filled + chance.uniform(0.0, 0.08)
    steps = [Step(at=begin, what="buy", order=n, details=_purchase(chance, skus))]
    end = chance.random()
    if end < 0.02:
        return [*steps, Step(at=filled, what="cancel", order=n, details={"by": "AUTO_CANCELLED"})]
    steps.append(Step(at=filled, what="fill", order=n, details=_form(chance)))
    if end < 0.04:
        return [*steps, Step(at=ready, what="cancel", order=n)]
    steps.append(Step(at=ready, what="ready", order=n))
    if end < 0.06:
        steps.append(Step(at=ready + 0.03, what="cancel", order=n))
    elif end < 0.08:
        steps.append(Step(at=ready + 0.02, what="change_address", order=n, details={"street": "ul. Nowa 1"}))
    return steps


def _merged(chance: random.Random, n: int, skus: Sequence[str]) -> list[Step]:
    begin = chance.uniform(0.0, 0.75)
    login = f"buys_twice_{n}"
    steps = [
        Step(at=begin, what="buy", order=n, details={**_purchase(chance, skus), "login": login, "provider": "SELLER"}),
        Step(at=begin + 0.02, what="buy", order=n + 1, details={**_purchase(chance, skus), "login": login}),
    ]
    if chance.random() < 0.5:
        steps.append(Step(at=begin + 0.03, what="fill", order=n, details=_form(chance)))
    return [
        *steps,
        Step(at=begin + 0.05, what="merge", order=n, other=n + 1),
        Step(at=begin + 0.08, what="fill", order=n, details=_form(chance)),
        Step(at=begin + 0.12, what="ready", order=n),
    ]


def _purchase(chance: random.Random, skus: Sequence[str]) -> Json:
    lines = chance.choices((1, 2, 3, 4), weights=(70, 18, 8, 4))[0]
    wanted = {
        sku: chance.choices((1, 2, 3), weights=(80, 15, 5))[0] for sku in chance.sample(skus, min(lines, len(skus)))
    }
    return {"skus": wanted, "provider": "ALLEGRO" if chance.random() < 0.02 else "SELLER"}


def _form(chance: random.Random) -> Json:
    return {
        "method": chance.choices(tuple(METHOD_WEIGHTS), weights=tuple(METHOD_WEIGHTS.values()))[0],
        "invoice": chance.choices((None, "company", "person"), weights=(83, 14, 3))[0],
        "comment": chance.choice(COMMENTS) if chance.random() < 0.1 else None,
        "service": chance.random() < 0.05,
        "deposit": chance.random() < 0.03,
    }


async def play(
    market: Market, steps: Sequence[Step], seconds: float, wait_until: Callable[[float], Awaitable[None]]
) -> None:
    """Carries the plan out over so many seconds; `wait_until` waits for a second counted from the beginning."""
    forms: dict[int, str] = {}
    for step in steps:
        await wait_until(step.at * seconds)
        if step.what == "buy":
            forms[step.order] = market.buy(**step.details)
        elif step.what == "merge":
            other = forms[step.order + 1 if step.other is None else step.other]
            forms[step.order] = market.merge([forms[step.order], other])
        elif step.what == "change_address":
            with contextlib.suppress(Refused):  # the seller was quicker
                market.change_address(forms[step.order], **step.details)
        else:
            getattr(market, step.what)(forms[step.order], **step.details)
    market.settle()
