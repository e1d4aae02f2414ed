"""Values refuse what can't be right, name the field, and survive JSON unchanged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import (
    Address,
    Buyer,
    CheckReport,
    Choice,
    Delivery,
    Echo,
    ForwardOrder,
    Invoice,
    Line,
    Malformed,
    MalformedOrder,
    Money,
    Order,
    OrderRef,
    Page,
    Parcel,
    Payment,
    PaymentKind,
    PaymentState,
    PickupPoint,
    Product,
    ProductKey,
    ShopOrder,
    Stage,
)
from orderferry.model import MAX_COMMENT, MAX_LINES, MAX_TEXT, utc
from orderferry.testing.strategies import cents, currencies, forward_orders, moneys, orders

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
PLN = Money(Decimal("12.30"), "PLN")
ADDRESS = Address(street="Prosta 1", city="Kraków", country="PL")
LINE = Line(id="1", name="Thing", quantity=2, unit_price=PLN, total=PLN * 2)
ORDER = Order(
    external_id="e-1",
    stage=Stage.READY,
    ordered_at=NOON,
    updated_at=NOON,
    buyer=Buyer(),
    lines=(LINE,),
    delivery=Delivery(cost=PLN, address=ADDRESS),
    payment=Payment(kind=PaymentKind.ONLINE),
    total=PLN * 3,
)


def changed(value: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(value, **fields)


REFUSED: list[tuple[str, Callable[[], object], str]] = [
    ("money: no letters", lambda: Money(Decimal(1), "123"), "'123' is not a currency code"),
    ("money: small letters", lambda: Money(Decimal(1), "pln"), "currency"),
    ("money: too long", lambda: Money(Decimal(1), "PLNX"), "currency"),
    ("money: not ascii", lambda: Money(Decimal(1), "ŻŁŃ"), "currency"),
    ("money: empty", lambda: Money(Decimal(1), ""), "currency"),
    ("money: NaN", lambda: Money(Decimal("NaN"), "PLN"), "not an amount"),
    ("money: signalling NaN", lambda: Money(Decimal("sNaN"), "PLN"), "not an amount"),
    ("money: infinite", lambda: Money(Decimal("-Infinity"), "PLN"), "not an amount"),
    ("money: absurd", lambda: Money(Decimal(10) ** 9, "PLN"), "not an amount"),
    ("money: absurd debt", lambda: Money(-(Decimal(10) ** 9), "PLN"), "not an amount"),
    ("money: text", lambda: Money.of("12,30", "PLN"), "'12,30' is not an amount"),
    ("money: empty text", lambda: Money.of("", "PLN"), "not an amount"),
    ("money: None", lambda: Money.of(None, "PLN"), "'None' is not an amount"),  # type: ignore[arg-type]  # a careless mapping
    ("address: country name", lambda: changed(ADDRESS, country="Poland"), "'Poland' is not a country code"),
    ("address: small letters", lambda: changed(ADDRESS, country="pl"), "country code"),
    ("address: empty country", lambda: changed(ADDRESS, country=""), "country code"),
    ("text too long", lambda: changed(ADDRESS, street="x" * (MAX_TEXT + 1)), "Address.street has 501 characters"),
    ("comment too long", lambda: changed(ORDER, comment="x" * (MAX_COMMENT + 1)), "Order.comment has 10,001"),
    ("pickup point too long", lambda: PickupPoint(id="x" * (MAX_TEXT + 1)), "PickupPoint.id"),
    ("line: none", lambda: changed(LINE, quantity=0), "line 1: a quantity of 0"),
    ("line: negative", lambda: changed(LINE, quantity=-1), "line 1: a quantity of -1"),
    ("line: too many", lambda: changed(LINE, quantity=1_000_001), "line 1: a quantity of 1000001"),
    ("line: currencies", lambda: changed(LINE, total=Money(Decimal(1), "EUR")), "line 1: .* different currencies"),
    ("order: no id", lambda: changed(ORDER, external_id=""), "must have an id"),
    ("order: no lines", lambda: changed(ORDER, lines=()), "must have a line"),
    ("order: too many lines", lambda: changed(ORDER, lines=(LINE,) * (MAX_LINES + 1)), "2,001 lines"),
    ("order: naive time", lambda: changed(ORDER, ordered_at=datetime(2026, 1, 5)), "Order.ordered_at must be"),  # noqa: DTZ001 - that is the point
    (
        "order: local time",
        lambda: changed(ORDER, updated_at=NOON.astimezone(timezone(timedelta(hours=1)))),
        "Order.updated_at",
    ),
    ("order: currency of a line", lambda: changed(ORDER, total=Money(Decimal(1), "EUR")), "not all in EUR"),
    (
        "order: currency of delivery",
        lambda: changed(ORDER, delivery=Delivery(cost=Money(Decimal(1), "EUR"), address=ADDRESS)),
        "not all in PLN",
    ),
    ("order: ready, no address", lambda: changed(ORDER, delivery=Delivery(cost=PLN)), "neither an address nor"),
    ("payment: naive time", lambda: Payment(kind=PaymentKind.ONLINE, paid_at=datetime(2026, 1, 5)), "Payment.paid_at"),  # noqa: DTZ001 - likewise
    ("parcel: no number", lambda: Parcel(carrier="DPD", number=""), "1 to 64"),
    ("parcel: long number", lambda: Parcel(carrier="DPD", number="1" * 65), "1 to 64"),
    ("parcel: long carrier", lambda: Parcel(carrier="x" * 501, number="1"), "Parcel.carrier"),
]


@pytest.mark.parametrize(("make", "why"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_cannot_be_right_is_refused(make: Callable[[], object], why: str) -> None:
    with pytest.raises(Malformed, match=why):
        make()


def test_the_limits_themselves_are_allowed() -> None:
    changed(ADDRESS, street="x" * MAX_TEXT)
    changed(ORDER, comment="x" * MAX_COMMENT)
    changed(ORDER, lines=(LINE,) * MAX_LINES)
    changed(LINE, quantity=1_000_000)
    Parcel(carrier="DPD", number="1" * 64)
    Money(Decimal("999999999.99"), "PLN")
    Page(cursor="x" * 100_000)


def test_an_order_that_is_not_ready_needs_no_address() -> None:
    for stage in (Stage.PLACED, Stage.CANCELLED, Stage.MERGED):
        assert changed(ORDER, stage=stage, delivery=Delivery(cost=PLN)).stage is stage
    assert changed(ORDER, delivery=Delivery(cost=PLN, pickup_point=PickupPoint(id="KRA01A"))).stage is Stage.READY


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ORDER.total = PLN  # type: ignore[misc]  # that is the point
    with pytest.raises(AttributeError):
        PLN.amount = Decimal(0)  # type: ignore[misc]  # likewise


def test_utc_takes_every_zone_that_is_utc() -> None:
    moment = NOON.astimezone(timezone(timedelta(0), "GMT"))
    assert utc(moment, "x") == NOON
    assert utc(moment, "x").tzinfo is UTC
    assert utc(NOON, "x") is NOON


@given(cents, cents, st.integers(1, 1000), currencies)
def test_money_counts_exactly(first: Decimal, second: Decimal, quantity: int, currency: str) -> None:
    a, b = Money(first, currency), Money(second, currency)
    assert (a + b) - b == a
    assert (a + b).amount == first + second
    assert (a * quantity).amount == first * quantity
    assert (a >= b) is (first >= second)
    assert Money.of(str(first), currency) == a
    assert str(a) == f"{first:.2f} {currency}"


def test_money_of_two_currencies_does_not_mix() -> None:
    euro = Money(Decimal(1), "EUR")
    for operation in (Money.__add__, Money.__sub__, Money.__ge__):
        with pytest.raises(ValueError, match="different currencies"):
            operation(PLN, euro)


@given(moneys("PLN"), moneys("PLN"))
def test_paid_means_the_whole_total(paid: Money, total: Money) -> None:
    payment = Payment(kind=PaymentKind.ONLINE, paid=paid)
    assert payment.covers(total) is (paid.amount >= total.amount)
    assert not payment.covers(Money(Decimal(0), "EUR"))
    assert not Payment(kind=PaymentKind.ONLINE).covers(total)


@given(orders())
def test_order_survives_json(order: Order) -> None:
    again = msgspec.json.decode(msgspec.json.encode(order), type=Order)
    assert again == order
    assert str(again.total.amount) == str(order.total.amount), "not a digit is lost or gained"


@given(forward_orders())
def test_forward_order_survives_json(order: ForwardOrder) -> None:
    assert msgspec.json.decode(msgspec.json.encode(order), type=ForwardOrder) == order


OTHERS: list[msgspec.Struct] = [
    Page(
        orders=(ORDER,),
        malformed=(MalformedOrder(external_id=None, reason="total is missing", raw=b"\x00\xff{"),),
        echoes=(Echo(reference="of-1", id="9", paid=False, status="new"),),
        cursor="c",
        more=True,
        sweep=True,
    ),
    ShopOrder(id="1", number="1001", total=PLN, status="new", stock_fell=False, warnings=("no carrier",)),
    OrderRef(id="1", reference="of-1"),
    PaymentState(paid=True, amount=PLN, id="p"),
    ProductKey(sku="S", ean=None),
    Product(id="1", parent_id="2", sku="S", stock=0),
    Choice(id="1", title="New"),
    CheckReport(summary="good", notes=("n",), missing={"set_tracking": "no extension"}),
    Invoice(address=ADDRESS, tax_id="5252248481", tax_id_kind="nip"),
    Parcel(carrier="DPD", number="1"),
]


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: type(value).__name__)
def test_every_other_value_survives_json(value: msgspec.Struct) -> None:
    assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value


@pytest.mark.parametrize("field", ["external_id", "stage", "ordered_at", "buyer", "lines", "delivery", "total"])
def test_a_missing_field_is_named(field: str) -> None:
    told = msgspec.to_builtins(ORDER)
    del told[field]
    with pytest.raises(msgspec.ValidationError, match=f"`{field}`"):
        msgspec.convert(told, Order)


def test_a_value_that_cannot_be_right_is_refused_from_json_too() -> None:
    told = msgspec.json.encode(ORDER).replace(b'"quantity":2', b'"quantity":0')
    with pytest.raises(msgspec.ValidationError, match="a quantity of 0"):
        msgspec.json.decode(told, type=Order)


def test_the_contract_is_light_to_import() -> None:
    """The command line and the pytest plugin import it: neither aiohttp nor hypothesis may come with it."""
    program = (
        "import sys, orderferry, orderferry.testing.pytest_plugin;"
        "heavy = {'aiohttp', 'hypothesis', 'yarl', 'cryptography', 'structlog'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own interpreter
    assert found.stdout.strip() == "[]"
