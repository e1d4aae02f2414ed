"""Hypothesis strategies for the contract's values; needs the `hypothesis` package, which orderferry itself does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from orderferry.forward import ForwardDelivery, ForwardOrder, ForwardPayment
from orderferry.model import (
    Address,
    Buyer,
    Delivery,
    Invoice,
    Line,
    Money,
    Order,
    Parcel,
    Payment,
    PaymentKind,
    PickupPoint,
    Stage,
)

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
"""Anything that UTF-8 can carry, also what no buyer types."""

named = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
ids = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=40)
moments = st.integers(0, 5 * 365 * 86_400).map(lambda seconds: BEGIN + timedelta(seconds=seconds))
cents = st.integers(0, 10_000_000).map(lambda number: Decimal(number).scaleb(-2))
currencies = st.sampled_from(["PLN", "EUR", "CZK", "HUF"])
countries = st.sampled_from(["PL", "CZ", "SK", "HU", "DE"])
maybe_text = st.none() | texts


def moneys(currency: str) -> st.SearchStrategy[Money]:
    """Amounts from 0 to 100,000 in one currency."""
    return cents.map(lambda amount: Money(amount, currency))


addresses = st.builds(
    Address,
    first_name=maybe_text,
    last_name=maybe_text,
    company=maybe_text,
    street=named,
    street2=maybe_text,
    city=named,
    postcode=maybe_text,
    state=maybe_text,
    country=countries,
    phone=maybe_text,
)
buyers = st.builds(
    Buyer,
    id=st.none() | ids,
    login=maybe_text,
    email=st.none() | st.emails(),
    phone=maybe_text,
    first_name=maybe_text,
    last_name=maybe_text,
    company=maybe_text,
    guest=st.booleans(),
    language=st.none() | st.sampled_from(["pl-PL", "en-US"]),
)
pickup_points = st.builds(PickupPoint, id=ids, name=maybe_text, description=maybe_text, address=st.none() | addresses)
invoices = st.builds(Invoice, address=addresses, tax_id=maybe_text, tax_id_kind=maybe_text)
parcels = st.builds(Parcel, carrier=ids, number=st.text("0123456789ABCDEF", min_size=1, max_size=64))


def lines(currency: str) -> st.SearchStrategy[Line]:
    """Lines of 1 to 20 pieces whose total is price by quantity."""

    def line(name: str, quantity: int, price: Money, sku: str | None, ean: str | None) -> Line:
        return Line(
            id=f"line-{name[:10]}",
            name=name,
            quantity=quantity,
            unit_price=price,
            total=price * quantity,
            offer_id=sku,
            sku=sku,
            ean=ean,
        )

    ean = st.none() | st.from_regex(r"[0-9]{13}", fullmatch=True)
    return st.builds(line, named, st.integers(1, 20), moneys(currency), st.none() | ids, ean)


@st.composite
def orders(draw: st.DrawFn, stages: st.SearchStrategy[Stage] | None = None) -> Order:
    """Orders of any stage whose total is the sum of lines and delivery; a ready one has an address."""
    currency = draw(currencies)
    bought = tuple(draw(st.lists(lines(currency), min_size=1, max_size=4)))
    cost = draw(moneys(currency))
    total = sum((line.total for line in bought), start=cost)
    stage = draw(stages if stages is not None else st.sampled_from(Stage))
    ordered_at = draw(moments)
    address = addresses if stage is Stage.READY else st.none() | addresses
    return Order(
        external_id=draw(ids),
        revision=draw(st.none() | ids),
        stage=stage,
        ordered_at=ordered_at,
        updated_at=ordered_at + timedelta(seconds=draw(st.integers(0, 86_400))),
        buyer=draw(buyers),
        lines=bought,
        delivery=Delivery(
            method=draw(maybe_text), cost=cost, address=draw(address), pickup_point=draw(st.none() | pickup_points)
        ),
        payment=Payment(
            kind=draw(st.sampled_from(PaymentKind)),
            id=draw(st.none() | ids),
            paid=draw(st.sampled_from([None, total])),
            paid_at=draw(st.none() | moments),
        ),
        total=total,
        invoice=draw(st.none() | invoices),
        comment=draw(maybe_text),
        parcels=tuple(draw(st.lists(parcels, max_size=3))),
    )


@st.composite
def forward_orders(draw: st.DrawFn) -> ForwardOrder:
    """What a shop may be told of a ready order, with each withholdable field there or not."""
    order = draw(orders(st.just(Stage.READY)))
    payment = ForwardPayment(kind=order.payment.kind, paid=order.paid, id=order.payment.id)
    return ForwardOrder(
        number=draw(st.integers(1, 10**9)),
        reference=draw(ids),
        source="tested-marketplace",
        source_platform="allegro",
        external_id=order.external_id,
        ordered_at=order.ordered_at,
        total=order.total,
        lines=order.lines,
        delivery=ForwardDelivery(
            cost=order.delivery.cost, address=order.delivery.address, pickup_point=order.delivery.pickup_point
        ),
        buyer=order.buyer,
        invoice=order.invoice,
        payment=draw(st.sampled_from([None, payment])),
        comment=order.comment,
        fields=draw(st.dictionaries(ids, texts, max_size=3)),
    )
