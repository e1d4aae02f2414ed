"""One order of a cart, however often it is tried, and wherever a try was cut off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from orderferry import PaymentKind, Unsure
from orderferry.forward import ForwardPayment
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryProgress
from orderferry.testing.simulator import Fate
from plugins.shops.prestashop.client import PrestaClient
from plugins.shops.prestashop.mapping import Plan
from plugins.shops.prestashop.platform import PrestaShop
from plugins.shops.prestashop.simulator import PrestaSimulator
from tests.plugins.prestashop.asking import add, all_of, held, order, requests

UNPAID = ForwardPayment(kind=PaymentKind.ONLINE, paid=False, provider="PayU", id="pay-4711")
CASH = ForwardPayment(kind=PaymentKind.CASH_ON_DELIVERY, paid=False)


async def test_the_cart_is_on_disk_before_the_order_is_sent(shop: PrestaShop, sim: PrestaSimulator) -> None:
    seen: list[list[str]] = []

    class Watched(MemoryProgress):
        async def save(self, text: str) -> None:
            seen.append(requests(sim))
            await super().save(text)

    progress = Watched()
    added = await add(shop, order(), progress)
    begun, planned = seen
    assert not [request for request in begun if request.startswith("POST")]
    assert planned[-1] == "POST carts"
    assert str(msgspec.json.decode(progress.saved[1], type=Plan).cart) == held(sim, added.id)["id_cart"]


async def test_a_lost_answer_is_settled_at_once_by_the_cart(shop: PrestaShop, sim: PrestaSimulator) -> None:
    for number, fate in enumerate((Fate.LOST, Fate.FAILED_AFTER, Fate.CUT, Fate.GARBAGE), start=1):
        sim.script("POST", "/orders", fate)
        added = await add(shop, order(number))
        assert (added.total, added.warnings) == (order().total, ())
    assert len(sim.shop.rows["orders"]) == 4


async def test_the_next_try_sends_the_same_cart_and_its_prices_once(
    shop: PrestaShop, sim: PrestaSimulator, clock: VirtualClock
) -> None:
    progress = MemoryProgress()
    for path in ("/specific_prices", "/messages", "/orders"):
        sim.script("POST", path, Fate.GOOD if path == "/specific_prices" else Fate.LOST)
        if path == "/specific_prices":
            sim.script("POST", path, Fate.LOST)
        if path == "/orders":
            sim.script("GET", path, Fate.GOOD, Fate.DOWN)  # the first is the look before the prices
        with pytest.raises(Unsure):
            await clock.run(add(shop, order(), progress))
        sim.forget_script()
    added = await add(shop, order(), progress)
    assert [cart["id"] for cart in sim.shop.rows["carts"].values()] == ["1"]
    assert list(sim.shop.rows["orders"]) == [int(added.id)]
    assert len(all_of(sim, added.id)["messages"]) == 1
    assert requests(sim).count("POST specific_prices") == 3
    assert added.total == order().total


class Killed(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("payment", [order().payment, UNPAID, CASH])
async def test_a_kill_at_any_request_is_ended_by_the_next_try_as_if_it_had_never_been(
    payment: ForwardPayment, shop: PrestaShop, sim: PrestaSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await add(shop, order(1, payment=payment))
    asked = len(sim.served)
    await add(shop, order(2, payment=payment))
    wanted, ask, left = all_of(sim, whole.id), PrestaClient._ask, 0

    async def until_killed(*given: Any, **named: Any) -> Any:  # as the client's own
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return await ask(*given, **named)

    for number in range(3, len(sim.served) - asked + 3):
        progress, left = MemoryProgress(), number - 3
        monkeypatch.setattr(PrestaClient, "_ask", until_killed)
        with pytest.raises(Killed):
            await add(shop, order(number, payment=payment), progress)
        monkeypatch.setattr(PrestaClient, "_ask", ask)
        found = await shop.find_order(f"of-kit-{number}", datetime(2026, 1, 1, tzinfo=UTC))
        added = found or await add(shop, order(number, payment=payment), MemoryProgress(progress.value))
        assert added.status == whole.status, number
        there = all_of(sim, added.id)
        assert there["order"]["note"].replace(f"of-kit-{number}", "of-kit-1") == wanted["order"]["note"]
        for part, field in (("carriers", "id_carrier"), ("payments", "amount"), ("histories", "id_order_state")):
            assert [row[field] for row in there[part]] == [row[field] for row in wanted[part]], (number, part)
    orders = [row["gift_message"] for row in sim.shop.rows["orders"].values()]
    assert len(orders) == len(set(orders))


async def test_a_cart_that_is_gone_is_made_anew(shop: PrestaShop, sim: PrestaSimulator) -> None:
    progress = MemoryProgress()
    sim.script("POST", "/orders", Fate.DOWN)
    with pytest.raises(Unsure):
        await add(shop, order(), progress)
    del sim.shop.rows["carts"][1]
    added = await add(shop, order(), progress)
    assert held(sim, added.id)["id_cart"] == "2"


async def test_an_order_that_came_late_is_taken_for_what_it_is(shop: PrestaShop, sim: PrestaSimulator) -> None:
    """The first try's request is applied only after it was looked for: the cart makes no second order."""
    progress = MemoryProgress()
    sim.script("POST", "/orders", Fate.DROPPED)
    with pytest.raises(Unsure):
        await add(shop, order(), progress)
    body = next(served.body for served in sim.served if served.path == "/api/orders" and served.method == "POST")
    late = {
        part: body.decode().partition(f"<{part}>")[2].partition("<")[0] for part in ("id_cart", "module", "payment")
    }
    made = sim.shop.place({**late, "total_paid": str(order().total.amount)})
    added = await add(shop, order(), progress)
    assert added.id == made["id"]
    assert requests(sim).count("POST orders") == 1
