"""Whether a shop's stock fell by what was bought, from what it showed before and shows after."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

Level = int | Decimal | None


def fell(levels: Iterable[tuple[Level, Level, int]]) -> bool | None:
    """For (before, after, bought) of each product: True where all fell, False where one did not.

    Others may buy at the same moment, so a level that is lower by more counts too. None where there is no product, or
    where the shop does not tell a level: then nothing is known.
    """
    answers = []
    for before, after, bought in levels:
        if before is None or after is None:
            return None
        answers.append(after <= before - bought)
    return all(answers) if answers else None
