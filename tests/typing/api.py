"""A small shop as an author in another distribution would write it: mypy --strict must have nothing to say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from orderferry import (
    Account,
    Capability,
    CheckReport,
    Choice,
    ChoiceKind,
    Duration,
    Echo,
    ForwardOrder,
    Line,
    Malformed,
    MalformedOrder,
    Money,
    Order,
    OrderRef,
    Page,
    Parcel,
    Platform,
    Progress,
    Register,
    Role,
    Secret,
    Settings,
    ShopOrder,
    Unsure,
    Url,
    hookimpl,
)
from orderferry.http import BasicAuth, Http, Limits
from orderferry.loading import disagreements


class CornerSettings(Settings, frozen=True, kw_only=True):
    """What the seller writes."""

    url: Url
    key: str
    secret: Secret
    look_back: Duration = Duration(days=7)


class Told(msgspec.Struct):
    """An order as the shop tells it."""

    id: int
    number: str
    total: str
    reference: str | None = None


decode_one = msgspec.json.Decoder(Told).decode
decode_many = msgspec.json.Decoder(list[Told]).decode


class CornerShop(Platform[CornerSettings]):
    """Speaks to a corner shop."""

    id = "corner"
    title = "Corner shop"
    role = Role.SHOP
    Settings = CornerSettings
    capabilities = (
        Capability.FETCH_ORDERS
        | Capability.ADD_ORDER
        | Capability.FIND_ORDER
        | Capability.SET_TRACKING
        | Capability.LIST_STATUSES
        | Capability.REF_EXACT
    )
    poll_every = timedelta(minutes=30)
    statuses = {"new": "pending"}  # noqa: RUF012 - the base class declares it a class variable

    def __init__(self, account: Account[CornerSettings]) -> None:
        super().__init__(account)
        settings = account.settings
        self.http: Http = account.http(
            settings.url, auth=BasicAuth(settings.key, settings.secret.reveal()), limits=Limits(per_minute=60)
        )

    @hookimpl
    async def check(self) -> CheckReport:
        """Asks for one order."""
        found = await self.http.get("/orders", decode_many, query={"limit": "1"})
        return CheckReport(summary=f"{len(found)} order seen")

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """One page."""
        since = self.account.clock.now() - self.account.settings.look_back
        found = await self.http.get("/orders", decode_many, query={"after": cursor or since.isoformat()})
        ours = self.account.reference_prefix
        echoes = tuple(Echo(reference=t.reference, id=str(t.id)) for t in found if t.reference)
        broken: list[MalformedOrder] = []
        orders: list[Order] = []
        for told in found:
            try:
                if not (told.reference or "").startswith(ours):
                    Money.of(told.total, "PLN")
            except Malformed as error:
                broken.append(MalformedOrder(external_id=str(told.id), reason=str(error), raw=b"{}"))
        self.account.log.info("orders_fetched", count=len(found))
        return Page(orders=tuple(orders), malformed=tuple(broken), echoes=echoes, cursor=str(len(found)))

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        """Posts it."""
        if progress.value is None:
            await progress.save("begun")
        told = await self.http.send("POST", "/orders", decode_one, json=wire(order))
        if told.reference != order.reference:
            raise Unsure("the shop answered another order")
        return ShopOrder(id=str(told.id), number=told.number, total=Money.of(told.total, order.total.currency))

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:
        """Searches exactly."""
        query = {"reference": reference, "since": since.isoformat()}
        for told in await self.http.get("/orders", decode_many, query=query):
            if told.reference == reference:
                return ShopOrder(id=str(told.id), number=told.number)
        return None

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Replaces the list."""
        await self.http.send("PUT", f"/orders/{ref.id}/parcels", bytes, json=[parcel.number for parcel in parcels])

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """Its statuses."""
        return (Choice(id="pending", title="Pending"),) if kind is ChoiceKind.STATUSES else ()


def wire(order: ForwardOrder) -> dict[str, Any]:
    """The order in the shop's words."""
    return {"reference": order.reference, "total": str(order.total.amount), "lines": [line_of(x) for x in order.lines]}


def line_of(line: Line) -> dict[str, object]:
    """One line."""
    return {"sku": line.sku, "quantity": line.quantity, "price": str(line.unit_price.amount)}


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the shop."""
    register(CornerShop)


def sound() -> tuple[str, ...]:
    """What the loader would say."""
    return disagreements(CornerShop)
