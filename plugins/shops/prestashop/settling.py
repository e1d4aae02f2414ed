"""What is left to do once the order stands in the shop, and what is then told of it.

From here on nothing may raise: the order is there. Every step may be repeated, is tried twice, and becomes a warning
where it fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeVar

from orderferry import Account, Clock, ForwardOrder, Money, PlatformError, ShopOrder, Unavailable, Unsure
from plugins.shops.prestashop import mapping, texts
from plugins.shops.prestashop.client import PrestaClient
from plugins.shops.prestashop.knowledge import Shop
from plugins.shops.prestashop.mapping import Plan
from plugins.shops.prestashop.settings import PrestaSettings
from plugins.shops.prestashop.wire import Field, Fields, Record

T = TypeVar("T")

LONGEST_PAUSE = 30.0  # seconds between the two tries


class Settling:
    """The work on one order; `warnings` gathers what did not come off."""

    def __init__(self, client: PrestaClient, account: Account[PrestaSettings], order_id: int) -> None:
        self.client = client
        self.order_id = order_id
        self.warnings: list[str] = []
        self._account = account

    async def step(self, failing: str, act: Callable[[], Awaitable[T]]) -> T | None:
        """Does it, at the second try if need be; None with the warning `failing` where it fails."""
        try:
            return await twice(self._account.clock, act)
        except PlatformError as error:
            self._account.log.warning("prestashop.step_failed", order=self.order_id, error=type(error).__name__)
            self.warnings.append(failing)
            return None

    async def move(self, state: int) -> None:
        """Gives the order a state, unless it has it."""
        there = await self.client.one("orders", self.order_id)
        if there.number("current_state") != state:
            await self.client.add("order_histories", {"id_order": self.order_id, "id_order_state": state})


async def twice(clock: Clock, act: Callable[[], Awaitable[T]]) -> T:
    """Does what may be repeated, and does it once more after a pause where the first try failed in passing."""
    try:
        return await act()
    except (Unavailable, Unsure) as error:
        asked = error.retry_after if isinstance(error, Unavailable) else None
        await clock.sleep(min(asked or 1.0, LONGEST_PAUSE))
    return await act()


async def settle(
    client: PrestaClient,
    account: Account[PrestaSettings],
    shop: Shop,
    order: ForwardOrder,
    *,
    made: Plan,
    order_id: int,
    state: int,
) -> ShopOrder:
    """Mends a payment error, moves the order to its state, and notes on it what the cart could not carry.

    The note comes last: by it an order counts as there, so that a try that is cut off before is ended by the next one.
    """
    work = Settling(client, account, order_id)
    work.warnings += made.warnings
    there = await work.step(
        "The order was added, but could not be read back: see in the shop whether it is right.",
        lambda: client.one("orders", order_id),
    )
    if there is None:
        return ShopOrder(id=str(order_id), number=str(order_id), warnings=tuple(work.warnings))
    failed = there.number("current_state") == shop.error
    if failed:
        await _write_totals(work, there, made, order)
        work.warnings.append(
            f"The shop's cart came to {there.amount('total_paid_tax_incl'):.2f} and not to {made.total:.2f}, so the "
            "order was first a payment error, of which the shop may have mailed the buyer; see the carrier's price."
        )
        await _out_of_error(work, there, shop)
    if order.payment is not None and order.payment.id:
        payment_id = order.payment.id
        await work.step(
            "The payment's id could not be written to the order's payment; it is in the order's note.",
            lambda: note_payment(client, there, payment_id),
        )
    if state != shop.born:
        await work.step(f"The order's state {state} could not be set.", lambda: work.move(state))
    await _write(work, there, made, order)
    if failed or state != shop.born:
        last = await work.step("The order could not be read again.", lambda: client.one("orders", order_id))
        return shop_order(last or there, shop, work.warnings)
    return shop_order(there, shop, work.warnings)


def shop_order(there: Record, shop: Shop, warnings: list[str]) -> ShopOrder:
    """An order of the shop in the contract's words.

    Its stock has fallen unless it is in the state of payment errors; of a cancelled one nobody knows.
    """
    state = there.number("current_state")
    code = shop.currency_code(there.number("id_currency"))
    fell: bool | None = None
    if state == shop.error:
        fell = False
        failing = (
            f"The order is in the state {state} (payment error), so the shop's stock did not fall. "
            "Compare its total with the marketplace's, and give it a state that means paid: then the stock falls."
        )
        warnings = [*warnings, failing]
    elif shop.counts_stock and state != shop.cancelled:
        fell = True
    return ShopOrder(
        id=str(there.id),
        number=there.get("reference") or str(there.id),
        total=Money(there.amount("total_paid_tax_incl"), code) if code else None,
        status=str(state),
        stock_fell=fell,
        warnings=tuple(warnings),
    )


async def note_payment(client: PrestaClient, there: Record, payment_id: str) -> None:
    """Writes the payment's id to the first payment that the shop has booked on the order, unless one has it."""
    booked = await payments(client, there)
    if booked and all(entry.get("transaction_id") != payment_id for entry in booked):
        await client.change("order_payments", booked[0].id, {"transaction_id": payment_id[:254]})


async def payments(client: PrestaClient, there: Record) -> list[Record]:
    """What the shop has booked on the order, the oldest first."""
    found = await client.find("order_payments", {"order_reference": f"[{there.text('reference')}]"})
    return sorted(found, key=lambda entry: entry.id)


def _totals(there: Record, made: Plan, order: ForwardOrder) -> Fields:
    """The totals to be written where nothing but the delivery cost differs; else nothing."""
    with_tax = there.amount("total_products_wt")
    if with_tax + made.shipping != made.total:
        return {}
    return mapping.mended(
        there.amount("total_products"), with_tax, there.amount("carrier_tax_rate"), order.delivery.cost.amount
    )


async def _write_totals(work: Settling, there: Record, made: Plan, order: ForwardOrder) -> None:
    """Writes the totals before the order leaves the payment error, as the shop then books what stands there."""
    totals = _totals(there, made, order)
    if totals:
        costs: Fields = {
            "shipping_cost_tax_incl": totals["total_shipping_tax_incl"],
            "shipping_cost_tax_excl": totals["total_shipping_tax_excl"],
        }
        failing = "The order's totals could not be written."
        await work.step(failing, lambda: work.client.change("orders", work.order_id, totals))
        await work.step("The delivery cost could not be written.", lambda: _carry(work, costs))


async def _write(work: Settling, there: Record, made: Plan, order: ForwardOrder) -> None:
    changed: dict[str, Field] = {"note": texts.note_of(order)}
    if there.number("id_carrier") != made.carrier:
        changed["id_carrier"] = made.carrier
        carrier: Fields = {"id_carrier": made.carrier}
        await work.step("The order's carrier could not be set.", lambda: _carry(work, carrier))
    await work.step(
        "The order's note (where it was bought, payment, pickup point) could not be written.",
        lambda: work.client.change("orders", work.order_id, changed),
    )


async def _carry(work: Settling, fields: Fields) -> None:
    for entry in await work.client.find("order_carriers", {"id_order": f"[{work.order_id}]"}):
        await work.client.change("order_carriers", entry.id, fields)


async def _out_of_error(work: Settling, there: Record, shop: Shop) -> None:
    """Moves the order out of the payment error, so that its stock falls, and takes back the payment booked twice.

    The shop had booked what was posted, and books the whole again on the way out (recording 19).
    """
    await work.step("The order could not be moved out of the payment error.", lambda: work.move(shop.born))
    await work.step(
        "The shop has booked the payment twice on this order; delete one of the two there.",
        lambda: _book_once(work, there),
    )


async def _book_once(work: Settling, there: Record) -> None:
    whole = (await work.client.one("orders", work.order_id)).amount("total_paid_tax_incl")
    booked = await payments(work.client, there)
    sums = sum((entry.amount("amount") for entry in booked), Decimal(0))
    for entry in booked[:-1]:
        if sums > whole:
            await work.client.remove("order_payments", entry.id)
            sums -= entry.amount("amount")
    await work.client.change("orders", work.order_id, {"total_paid_real": sums})
