"""The recorded chain of an order, made again in the simulator, and how two answers are compared."""

from __future__ import annotations

import re
from decimal import Decimal

import aiohttp

from plugins.shops.prestashop import wire
from plugins.shops.prestashop.wire import Record
from tests.plugins.prestashop.recorded import Exchange, exchanges, path_of, sent

BY_ITSELF = frozenset(
    {
        "associations",
        "date_add",
        "date_upd",
        "delivery_option",
        "id",
        "invoice_date",
        "invoice_number",
        "last_passwd_gen",
        "note",
        "order_reference",
        "passwd",
        "product_attribute_id",
        "product_id",
        "reference",
        "secure_key",
        "weight",
    }
)


def fields(record: Record) -> dict[str, str]:
    return {
        child.tag: (child.text or "").strip()
        for child in record.element
        if child.tag not in BY_ITSELF and not child.tag.startswith("id_") and not len(child)
    }


def assert_alike(recorded: bytes, simulated: bytes) -> None:
    theirs, mine = wire.record(recorded), wire.record(simulated)
    assert [child.tag for child in mine.element] == [child.tag for child in theirs.element]
    assert _numbers(fields(mine)) == _numbers(fields(theirs))
    for rows in ("order_rows", "cart_rows"):
        pairs = zip(mine.rows(rows), theirs.rows(rows), strict=True)
        assert all(_numbers(fields(one)) == _numbers(fields(other)) for one, other in pairs)


def _numbers(row: dict[str, str]) -> dict[str, str | Decimal]:
    return {
        name: Decimal(text).quantize(Decimal("0.00001")) if re.fullmatch(r"\d+\.\d{6}", text) else text
        for name, text in row.items()
    }


class Chain:
    """The recorded chain of an order, made again in the simulator: customer, addresses, cart; then orders of it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.ids: dict[str, str] = {}

    async def post(self, exchange: Exchange, expected: int = 201, **ids: str) -> bytes:
        return await self.send(
            exchange["request"]["method"], path_of(exchange), self.mine(sent(exchange), ids), expected
        )

    async def send(self, method: str, path: str, body: bytes = b"", expected: int = 200) -> bytes:
        async with self.session.request(method, f"/api/{path}", data=body or None) as answer:
            assert answer.status == expected, await answer.text()
            return await answer.read()

    def mine(self, body: bytes, ids: dict[str, str]) -> bytes:
        text = body.decode()
        for before, after in (("id_product>20<", "id_product>1<"), ("id_product>21<", "id_product>2<")):
            text = text.replace(before, after)
        text = text.replace("id_product_attribute>40<", "id_product_attribute>1<")
        for tag, number in {**self.ids, **ids}.items():
            text = re.sub(rf"<{tag}>\d*</{tag}>", f"<{tag}>{number}</{tag}>", text)
        address = self.ids.get("id_address_delivery", "")
        return re.sub(r'\{"\d+":"5,"\}', f'{{"{address}":"5,"}}', text).encode()

    async def begin(self) -> None:
        self.ids["id_customer"] = wire.record(await self.post(exchanges("06")[0])).get("id")
        delivery, invoice = exchanges("07")
        self.ids["id_address_delivery"] = wire.record(await self.post(delivery)).get("id")
        self.ids["id_address_invoice"] = wire.record(await self.post(invoice)).get("id")
        self.ids["id_cart"] = wire.record(await self.post(exchanges("08")[0])).get("id")

    async def order(self, exchange: Exchange) -> tuple[bytes, bytes]:
        """What the simulator answers to the recorded order, and what it then shows."""
        made = await self.post(exchange)
        self.ids["id_order"] = wire.record(made).get("id")
        return made, await self.shown()

    async def shown(self) -> bytes:
        return await self.send("GET", f"orders/{self.ids['id_order']}")
