"""What the plugin sends, held against the shop's own description of its resources (recording 02)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defusedxml import ElementTree

from plugins.shops.prestashop.platform import PrestaShop
from plugins.shops.prestashop.simulator import PrestaSimulator
from tests.plugins.prestashop.asking import add, order
from tests.plugins.prestashop.conftest import OpenShop
from tests.plugins.prestashop.recorded import NEEDED, answered, exchanges

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

pytestmark = NEEDED


def described() -> dict[str, Element]:
    """Element name -> its synopsis: fields with `required`, `maxSize`."""
    roots = [ElementTree.fromstring(answered(exchange)) for exchange in exchanges("02")]
    return {root[0].tag: root[0] for root in roots if len(root)}


def bodies(sim: PrestaSimulator, method: str) -> list[Element]:
    return [ElementTree.fromstring(served.body)[0] for served in sim.served if served.method == method and served.body]


async def test_every_new_resource_fits_its_description(shop: PrestaShop, sim: PrestaSimulator) -> None:
    await add(shop, order(status="3"))
    synopses = described()
    sent = bodies(sim, "POST")
    assert {body.tag for body in sent} == {
        "address",
        "cart",
        "customer",
        "message",
        "order",
        "order_history",
        "specific_price",
    }
    for body in sent:
        fields = {field.tag: field for field in synopses[body.tag]}
        told = {child.tag: child.text or "" for child in body}
        assert told.keys() <= fields.keys(), f"{body.tag} has fields that the shop does not know"
        for name, field in fields.items():
            if field.get("required") == "true":
                assert told.get(name), f"{body.tag}.{name} is required"
            longest = int(field.get("maxSize") or 10_000)
            assert len(told.get(name, "")) <= longest, f"{body.tag}.{name} is too long"
        rows = fields.get("associations")
        for group in body.iterfind("associations/*"):
            assert rows is not None
            described_row = rows.find(group.tag)
            assert described_row is not None
            known = {part.tag for part in described_row[0]}
            assert all({part.tag for part in row} <= known for row in group)


async def test_every_change_fits_its_description(open_shop: OpenShop, sim: PrestaSimulator) -> None:
    shop = open_shop(delivery_product="", carrier="6")  # its price is another, so that the totals are mended as well
    await add(shop, order())
    synopses = described()
    changes = bodies(sim, "PATCH")
    assert {body.tag for body in changes} == {"order", "order_carrier", "order_payment"}
    for body in changes:
        known = {"id", *(field.tag for field in synopses[body.tag])}
        assert {child.tag for child in body} <= known
