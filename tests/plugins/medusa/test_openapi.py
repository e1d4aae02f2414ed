"""What the plugin sends, held against Medusa's official description (of version 2.0, the only one there is).

What the shop answers is held against a real shop (tests/real/medusa), and so is what a request must have: the
description calls required what no version asks for (a draft's customer, the title of a line with a variant), and knows
no body of a change of an order, which is given metadata here. Names and types count.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from orderferry import OrderRef, Parcel, PaymentKind, PaymentState
from orderferry.forward import ForwardPayment
from plugins.shops.medusa.platform import Medusa
from plugins.shops.medusa.simulator import MedusaSimulator
from tests.plugins.medusa.test_adding import add, order

Json = dict[str, Any]


@cache
def described(path: Path) -> tuple[Json, Registry[Any]]:
    document: Json = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    registry: Registry[Any] = Registry().with_resource("urn:medusa", DRAFT202012.create_resource(document))
    return document, registry.crawl()


async def test_what_is_sent_fits_the_description(shop: Medusa, sim: MedusaSimulator, shared: Path) -> None:
    document, registry = described(shared / "specs/medusa/admin.trimmed.yaml")
    sim.shop.reserves = False
    sent = await add(shop, order(1, "KUB-330", "NO-SUCH"))
    owed = await add(shop, order(2, payment=ForwardPayment(kind=PaymentKind.ONLINE, paid=False)))
    await shop.set_payment(OrderRef(id=owed.id), PaymentState(paid=True))
    await shop.set_status(OrderRef(id=owed.id), "canceled")
    for number in ("1", "2"):
        await shop.set_tracking(OrderRef(id=sent.id), [Parcel(carrier="InPost", number=number)])
    for status in ("completed", "archived"):
        await shop.set_status(OrderRef(id=sent.id), status)
    seen = set()
    for served in sim.served:
        if served.method == "POST" and not re.fullmatch(r"/admin/draft-orders/\w+/convert-to-order", served.path):
            template, schema = body_of(document, served.path)
            seen.add(template)
            assert errors(registry, schema, json.loads(served.body)) == [], served.path
    assert len(seen) == 10


def body_of(document: Json, path: str) -> tuple[str, Json | None]:
    for template, methods in document["paths"].items():
        if "post" in methods and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            body = methods["post"].get("requestBody")
            return template, body and body["content"]["application/json"]["schema"]
    raise AssertionError(f"the description knows no POST {path}")


def errors(registry: Registry[Any], schema: Json | None, value: Json) -> list[str]:
    if schema is None:
        return [] if value == {} or list(value) == ["metadata"] else ["it takes no body"]
    located = json.loads(json.dumps(schema).replace('"#/', '"urn:medusa#/'))
    found = Draft202012Validator(located, registry=registry).iter_errors(value)
    return [f"{error.json_path}: {error.message}"[:200] for error in found if error.validator != "required"]
