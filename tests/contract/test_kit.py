"""The contract kit passes a sound shop and a sound marketplace, and fails each broken one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import ClassVar

import msgspec
import pytest

from orderferry import (
    Capability,
    CheckReport,
    ForwardOrder,
    Malformed,
    OrderRef,
    Page,
    Parcel,
    PaymentState,
    PlatformError,
    Product,
    ProductKey,
    Progress,
    Rejected,
    Secret,
    ShopOrder,
    Unavailable,
    Unsure,
    Url,
    hookimpl,
)
from orderferry.testing.account import OpenAccount
from orderferry.testing.contract import AnyPlatform
from orderferry.testing.contract_marketplace import MarketplaceContract
from orderferry.testing.contract_shop import ShopContract
from orderferry.testing.example import (
    SECRET,
    TinyMarket,
    TinySettings,
    TinyShop,
    TinySimulator,
    decode,
    decode_list,
    held,
    read,
)
from orderferry.testing.samples import forward_order
from orderferry.testing.simulator import Fate


class World:
    """The part of the author that both suites share."""

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[TinySimulator]:
        async with TinySimulator() as simulator:
            yield simulator

    platform_class: ClassVar[type[AnyPlatform]]

    def open_platform(self, simulator: TinySimulator, open_account: OpenAccount) -> AnyPlatform:
        settings = TinySettings(url=Url(simulator.url), secret=Secret(SECRET))
        return self.platform_class(open_account(self.platform_class, settings))

    def open_stranger(self, simulator: TinySimulator, open_account: OpenAccount) -> AnyPlatform:
        settings = TinySettings(url=Url(simulator.url), secret=Secret("wrong-secret"))
        return self.platform_class(open_account(self.platform_class, settings))

    def place_orders(self, simulator: TinySimulator, count: int) -> list[str]:
        return [simulator.put(total="10.01")["id"] for _ in range(count)]

    def place_malformed(self, simulator: TinySimulator) -> str:
        return str(simulator.put()["id"])

    def cancel_order(self, simulator: TinySimulator, external_id: str) -> None:
        simulator.touch(simulator.orders[external_id])["status"] = "cancelled"

    def tracking_numbers(self, simulator: TinySimulator, order_id: str) -> list[str]:
        return list(simulator.orders[order_id]["parcels"])


class TestTinyMarket(World, MarketplaceContract[TinySimulator]):
    platform_class = TinyMarket


class TestTinyShop(World, ShopContract[TinySimulator]):
    platform_class = TinyShop
    statuses = ("packing", "sent")

    def sample_order(self, simulator: TinySimulator, reference: str) -> ForwardOrder:  # noqa: ARG002 - the same for each
        return forward_order(reference, skus=["S-1", "S-2"])

    def shop_orders(self, simulator: TinySimulator, reference: str) -> list[str]:
        return [id_ for id_, order in simulator.orders.items() if order.get("reference") == reference]

    def snapshot(self, simulator: TinySimulator, order_id: str) -> object:
        return {name: value for name, value in simulator.orders[order_id].items() if name != "serial"}

    def contents(self, simulator: TinySimulator) -> object:
        return simulator.orders, simulator.stock

    def stock(self, simulator: TinySimulator, sku: str) -> int:
        return simulator.stock[sku]


# --- each kind of mistake is found by the kit's test for it


class Resends(TinyShop):
    """Sends the same POST again when the answer was lost."""

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        try:
            return await super().add_order(order, progress)
        except Unsure:
            return await super().add_order(order, progress)


class DeniesDoubt(TinyShop):
    """Calls a lost answer "nothing was sent"."""

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        try:
            return await super().add_order(order, progress)
        except Unsure as error:
            raise Unavailable(str(error)) from error


class EndsDoubt(TinyShop):
    """Calls a lost answer the shop's refusal."""

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        try:
            return await super().add_order(order, progress)
        except Unsure as error:
            raise Rejected(str(error)) from error


class InSteps(TinyShop):
    """Says before the order is sent that it is."""

    capabilities = TinyShop.capabilities | Capability.ADD_IS_MULTI_STEP

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        await progress.save("begun")
        return await super().add_order(order, progress)


class SavesTooLate(InSteps):
    """Says what it has done when it is done."""

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        added = await TinyShop.add_order(self, order, progress)
        await progress.save("begun")
        return added


class SavesNothing(InSteps):
    """Keeps to itself that it takes several steps."""

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        return await TinyShop.add_order(self, order, progress)


class Invents(TinyShop):
    """Answers an order that the shop never made."""

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        try:
            return await super().add_order(order, progress)
        except PlatformError:
            return ShopOrder(id="1", number="1", total=order.total)


class LosesReference(TinyShop):
    """Puts something else in the reference's place."""

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        return await super().add_order(msgspec.structs.replace(order, reference="imported"), progress)


class Recomputes(TinyShop):
    """Leaves the delivery's cost out of the total."""

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        cheaper = msgspec.structs.replace(order, total=order.total - order.delivery.cost)
        return await super().add_order(cheaper, progress)


class Gossips(TinyShop):
    """Tells the buyer's name in an error, or in the log."""

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:  # noqa: ARG002 - never gets so far
        raise Rejected(f"the shop does not like {order.buyer.last_name}")


class FindsPrefixes(TinyShop):
    """Takes a longer reference that begins alike for the one that was asked."""

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:  # noqa: ARG002 - an exact search
        found = await self.http.get("/orders", decode_list)
        return next((held(told) for told in found if told["reference"].startswith(reference)), None)


class SwallowsErrors(TinyShop):
    """Answers "not there" when the search failed."""

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:
        try:
            return await super().find_order(reference, since)
        except PlatformError:
            return None


class AddsParcelsAgain(TinyShop):
    """Does not look which parcels are there."""

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            await self.http.send("POST", f"/orders/{ref.id}/parcels", decode, json={"number": parcel.number})


class TogglesPayment(TinyShop):
    """Changes the order with every call."""

    @hookimpl
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:  # noqa: ARG002 - the bug itself
        told = await self.http.get(f"/orders/{ref.id}", decode)
        await self.http.send("PATCH", f"/orders/{ref.id}", decode, json={"paid": not told["paid"]})


class SkipsAhead(TinyShop):
    """Says that there is no more after a full page, and moves its cursor past the rest."""

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        page = await super().fetch_orders(cursor, since)
        return msgspec.structs.replace(page, cursor=str(int(page.cursor) + 1)) if page.more else page


class GoesOnAnyway(TinyShop):
    """Answers an empty page when the platform was down, and moves its cursor."""

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        try:
            return await super().fetch_orders(cursor, since)
        except Unavailable:
            return Page(cursor=str(int(cursor or "0") + 1))


class NeverEnds(TinyShop):
    """Always says that there is more."""

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        return msgspec.structs.replace(await super().fetch_orders(cursor, since), more=True)


class StopsAtMalformed(TinyShop):
    """Lets one bad order spoil its page."""

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        page = await super().fetch_orders(cursor, since)
        if page.malformed:
            raise Malformed(page.malformed[0].reason)
        return page


class ImportsItsOwn(TinyShop):
    """Answers the orders that we added ourselves as new ones."""

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        page = await super().fetch_orders(cursor, since)
        own = [read({"id": echo.id, "serial": 1, "status": "new", "total": "1.00"}) for echo in page.echoes]
        return msgspec.structs.replace(page, orders=(*page.orders, *own), echoes=())


class TrustsAnybody(TinyShop):
    """Never asks whether the key is good."""

    @hookimpl
    async def check(self) -> CheckReport:
        return CheckReport(summary="looks fine")


class ForgetsOrderOfKeys(TinyShop):
    """Leaves out what was not found."""

    @hookimpl
    async def find_products(self, keys: Sequence[ProductKey]) -> tuple[Product | None, ...]:
        return tuple(product for product in await super().find_products(keys) if product)


class PromisesTooMuch(TinyShop):
    """Declares what it does not carry."""

    capabilities = TinyShop.capabilities | Capability.CARRIES_INVOICE


BUGS: list[tuple[type[TinyShop], str, tuple[object, ...], str]] = [
    (Resends, "test_a_fault_while_adding_never_makes_two_orders_nor_none", (Fate.LOST,), "1"),
    (DeniesDoubt, "test_a_fault_while_adding_never_makes_two_orders_nor_none", (Fate.CUT,), "nothing was applied"),
    (EndsDoubt, "test_a_fault_while_adding_never_makes_two_orders_nor_none", (Fate.GARBAGE,), "ends the job"),
    (Invents, "test_a_fault_while_adding_never_makes_two_orders_nor_none", (Fate.DOWN,), "without an order"),
    (SavesTooLate, "test_progress_is_saved_before_anything_is_left_in_the_shop", (), "POST /orders left something"),
    (SavesNothing, "test_progress_is_saved_before_anything_is_left_in_the_shop", (), "left something"),
    (LosesReference, "test_add_order_carries_the_reference", (), ""),
    (Recomputes, "test_the_shops_total_is_the_orders", (), ""),
    (Gossips, "test_add_order_carries_the_reference", (), "buyer's data"),
    (FindsPrefixes, "test_find_order_finds_exactly_the_reference", (), ""),
    (FindsPrefixes, "test_find_order_answers_none_for_an_unknown_reference", (), ""),
    (SwallowsErrors, "test_a_search_that_fails_raises_and_never_says_not_there", (Fate.DOWN,), ""),
    (AddsParcelsAgain, "test_tracking_is_told_once", (), ""),
    (TogglesPayment, "test_set_payment_may_be_repeated", (), "changed the order"),
    (SkipsAhead, "test_every_placed_order_is_fetched_ready", (), ""),
    (SkipsAhead, "test_no_order_is_lost_from_whatever_cursor_is_resumed", (), "never answered"),
    (GoesOnAnyway, "test_a_fault_while_fetching_loses_no_order", (Fate.DOWN,), "lost an order"),
    (NeverEnds, "test_pages_end_and_their_cursor_is_text", (), "still True"),
    (StopsAtMalformed, "test_a_malformed_order_does_not_stop_its_page", (), "total is missing"),
    (ImportsItsOwn, "test_our_own_orders_come_back_as_echoes", (), "must not be imported"),
    (TrustsAnybody, "test_check_of_a_platform_that_is_down_is_unavailable", (), "DID NOT RAISE"),
    (ForgetsOrderOfKeys, "test_find_products_answers_in_the_order_of_the_keys", (), ""),
    (PromisesTooMuch, "test_add_order_carries", (Capability.CARRIES_INVOICE,), "declared as carried"),
]


@pytest.mark.parametrize(("cls", "test", "arguments", "why"), BUGS, ids=lambda value: getattr(value, "__name__", ""))
async def test_the_kit_finds(
    open_account: OpenAccount, cls: type[TinyShop], test: str, arguments: tuple[object, ...], why: str
) -> None:
    author = _author(cls)
    async with TinySimulator() as simulator:
        open_account.canaries |= author.canaries
        platform = author.open_platform(simulator, open_account)
        with pytest.raises((AssertionError, pytest.fail.Exception, Malformed), match=why or None):
            await getattr(author, test)(platform, simulator, *_more(test, open_account), *arguments)


def _author(cls: type[TinyShop]) -> TestTinyShop:
    author: TestTinyShop = type("Author", (TestTinyShop,), {"platform_class": cls})()
    return author


def _more(test: str, open_account: OpenAccount) -> tuple[object, ...]:
    return (open_account,) if "whatever_cursor" in test else ()


async def test_the_kit_lets_a_shop_pass_that_saves_before_its_first_step(open_account: OpenAccount) -> None:
    author = _author(InSteps)
    async with TinySimulator() as simulator:
        platform = author.open_platform(simulator, open_account)
        await author.test_progress_is_saved_before_anything_is_left_in_the_shop(platform, simulator)


async def test_the_kit_finds_a_platform_that_takes_wrong_credentials(open_account: OpenAccount) -> None:
    author = _author(TrustsAnybody)
    async with TinySimulator() as simulator:
        with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
            await author.test_check_with_wrong_credentials_needs_login(simulator, open_account)
