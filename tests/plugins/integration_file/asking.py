"""What the tests of the hooks ask of a shop and of its simulator."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from orderferry import ForwardOrder, ShopOrder
from orderferry.testing.memory import MemoryProgress
from orderferry.testing.samples import forward_order
from plugins.shops.integration_file.platform import IntegrationFile
from plugins.shops.integration_file.simulator import FileSimulator

SINCE = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def order(mark: int = 1, /, *skus: str, **changed: Any) -> ForwardOrder:
    whole = forward_order(f"of-kit-{mark}", skus=skus or ("KUB-330", "KOSZ-M"), number=mark)
    return msgspec.structs.replace(whole, **changed)


async def add(shop: IntegrationFile, wanted: ForwardOrder) -> ShopOrder:
    return await shop.add_order(wanted, MemoryProgress())


def sent(sim: FileSimulator, action: str) -> list[Mapping[str, str]]:
    """The forms of all requests for this action."""
    forms = [dict(parse_qsl(served.body.decode(), keep_blank_values=True)) for served in sim.served]
    return [form for form in forms if form["action"] == action]
