"""Whether stock fell."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orderferry.stock import Level, fell


@pytest.mark.parametrize(
    ("levels", "answer"),
    [
        ([], None),
        ([(10, 8, 2)], True),
        ([(10, 5, 2)], True),
        ([(10, 9, 2)], False),
        ([(10, 8, 2), (3, 3, 1)], False),
        ([(Decimal("1.5"), Decimal("-0.5"), 2)], True),
        ([(10, None, 2)], None),
        ([(None, 8, 2), (3, 3, 1)], None),
    ],
)
def test_fell(levels: list[tuple[Level, Level, int]], answer: bool | None) -> None:
    assert fell(levels) is answer
