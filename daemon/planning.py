"""What would be sent: an order as a shop would be told it now, what is kept from the shop, and why. Nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from daemon.accounts import Accounts, AccountState
from daemon.core import forwarding
from daemon.core.forwarding import Passed
from daemon.core.job import JobKind
from daemon.core.routing import State, came_before, holds_back, syncs
from daemon.views import PlannedLine, PlanView, UnmappedView, Withheld
from orderferry import Capability, ForwardOrder, Order, PlatformError, Product, ProductKey, Stage

LIMIT = 60.0


async def plan(
    accounts: Accounts, shop: AccountState, order: Order, state: State, told: ForwardOrder, *, there: str | None
) -> PlanView:
    """The plan of one order for one shop; `there` is the order's number where the shop has it already."""
    lines, problem = await _lines(accounts, shop, told)
    return PlanView(
        order=told.number,
        shop=shop.name,
        why_not=f"{shop.name} has it already, as order {there}" if there else _why_not(accounts, shop, state),
        told=told,
        withheld=tuple(_withheld(shop, order)),
        lines=lines,
        problem=problem,
        unmapped=tuple(
            UnmappedView(kind=one.kind.value, account=one.account, method=one.method, became=one.became)
            for one in forwarding.unmapped(order, state.account, shop.passing)
        ),
    )


def _why_not(accounts: Accounts, shop: AccountState, state: State) -> str | None:
    """Why the order is not put into this shop by itself; None where it is."""
    targets = accounts.targets()
    if state.account == shop.name:
        return f"it was made in {shop.name} itself"
    if shop.name not in targets:
        return f"{shop.name} does not run: {shop.problem}"
    if off := syncs(targets[shop.name])[JobKind.ADD_ORDER]:
        return off
    if state.stage is not Stage.READY:
        return f"it is {state.stage}, and is put in once it is ready"
    held = holds_back(state, targets[state.account]) if state.account in targets else None
    return held or came_before(state, targets[shop.name])


def _withheld(shop: AccountState, order: Order) -> Iterator[Withheld]:
    carried = {
        Passed.LOGIN: order.buyer.login is not None,
        Passed.OFFER_NUMBER: any(line.offer_id for line in order.lines),
        Passed.COMMENT: order.comment is not None,
        Passed.PAYMENT: True,
        Passed.DELIVERY_METHOD: order.delivery.method is not None,
    }
    for what in Passed:
        if carried[what] and what not in shop.passing.passed:
            yield Withheld(what=what.value, why=f"it is not in [shops.{shop.name}.forward] pass")


async def _lines(
    accounts: Accounts, shop: AccountState, told: ForwardOrder
) -> tuple[tuple[PlannedLine, ...], str | None]:
    """Which of the shop's products each line would take from its stock, where the shop can be asked."""
    keys = [ProductKey(sku=line.sku, ean=line.ean) for line in told.lines]
    found: tuple[Product | None, ...] | None = None
    problem = None
    if accounts.may_ask(shop) and Capability.FIND_PRODUCTS in accounts.capabilities(shop.name):
        try:
            async with asyncio.timeout(LIMIT):
                found = await accounts.hooks.ask(shop.name, "find_products", keys=keys)
        except PlatformError as error:
            problem = f"the products could not be looked up: {error}"
        except TimeoutError:
            problem = f"the products could not be looked up: {shop.name} did not answer in {LIMIT:.0f} s"
    lines = tuple(
        PlannedLine(
            name=line.name,
            quantity=line.quantity,
            sku=line.sku,
            ean=line.ean,
            product=product.id if product else None,
            product_name=product.name if product else None,
            stock=product.stock if product else None,
            looked_up=found is not None,
        )
        for line, product in zip(told.lines, found or [None] * len(keys), strict=True)
    )
    return lines, problem
