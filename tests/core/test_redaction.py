"""What a platform repeats of a secret or of a buyer does not go on; what a seller needs to read stays."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.redaction import BLOT, personal, redacted, scrubbed
from daemon.core.retry import Cause, Failure, told
from orderferry import Address, Buyer, Delivery, Invoice, Line, Money, Order, Payment, PaymentKind, Stage

PRICE = Money(Decimal("12.30"), "PLN")
ORDER = Order(
    external_id="29738e61-7f6a-11e8-ac45-09db60ede9d6",
    stage=Stage.READY,
    ordered_at=datetime(2026, 1, 5, tzinfo=UTC),
    updated_at=datetime(2026, 1, 5, tzinfo=UTC),
    buyer=Buyer(login="kupujaca_zaneta", email="zaneta@example.com", phone="500600700", first_name="Żaneta"),
    lines=(Line(id="1", name="Kubek", quantity=1, unit_price=PRICE, total=PRICE),),
    delivery=Delivery(
        cost=Money(Decimal(0), "PLN"),
        address=Address(
            last_name="Brzęczyszczewska", street="Gęśla Próbna 7", city="Kąty", postcode="55-080", country="PL"
        ),
    ),
    payment=Payment(kind=PaymentKind.ONLINE),
    total=PRICE,
    invoice=Invoice(
        address=Address(company="Ćwiek S.A.", street="Rynek 1", city="Ełk", country="PL"), tax_id="5252248481"
    ),
    comment="please ring twice",
)


@pytest.mark.parametrize(
    "secret",
    [
        "ck_1111111111111111111111111111111111111111",
        "shpat_1111111111111111111111111111111111",
        "amzn1.oa2-cs.v1.0123456789abcdef",
        "Atzr|IwEBIHxyz0123456789",
        "v^1.1#i^1#p^3#f^0#I^3#r^1#t^Ul4",
        "eyJhbGciOiJSUzI1NiIs.eyJzdWIi.c2ln",
        "Bearer abcdefgh12345678",
        "A1B2C3D4E5F6A1B2C3D4E5F6A1B2C3D4",
        "1111111111111111111111a11111111111111111",
        "zaneta@example.com",
        "zaneta%40example.com",
        "+48 600 700 811",
        "600-700-811",
        "PL61109010140000071219812874",
        "PL61 1090 1014 0000 0712 1981 2874",
    ],
)
def test_what_looks_like_a_secret_or_a_person_is_blotted_out(secret: str) -> None:
    assert scrubbed(f"the shop says {secret!r} is wrong") == f"the shop says '{BLOT}' is wrong"


@pytest.mark.parametrize(
    "text",
    [
        "order 29738e61-7f6a-11e8-ac45-09db60ede9d6 of allegro-main",
        "HTTP 503 from https://shop.example/wp-json/wc/v3/orders?page=2",
        "job 4711 of order 20160 since 2026-01-05T09:00:00+00:00",
        "EAN 5901234123457 and SKU-001, ASIN B07XJ8C8F5, 902-3159896-1390916",
        "test_a_long_name_of_a_function_in_a_traceback_1",
        "/usr/lib/python3.11/site-packages/aiohttp/client_reqrep.py, line 1023",
        "ofr7k2m9x4abcdefghjkmnpqrstuv is its reference",
    ],
)
def test_what_a_seller_needs_to_read_stays(text: str) -> None:
    assert scrubbed(text) == text


def test_everything_that_the_order_says_of_its_buyer_is_blotted_out() -> None:
    said = "; ".join(f"{value} is refused" for value in personal(ORDER))
    assert redacted(said, ORDER) == "; ".join([f"{BLOT} is refused"] * len(list(personal(ORDER))))
    assert redacted("BRZĘCZYSZCZEWSKA, gęśla próbna 7, Kubek", ORDER) == f"{BLOT}, {BLOT}, Kubek"
    assert redacted("Kątyland and zanetaPL", ORDER) == "Kątyland and zanetaPL"  # other words


AROUND = st.text("qQ09 .,:;'\"()<>/\\-\n", max_size=40)


@given(AROUND, st.sampled_from(sorted(personal(ORDER))), AROUND)
def test_wherever_it_stands_as_a_word_it_is_gone(before: str, value: str, after: str) -> None:
    assert value not in redacted(f"{before} {value} {after}", ORDER)


def test_a_failure_is_told_without_what_the_platform_repeated() -> None:
    failure = Failure(cause=Cause.REJECTED, message="zaneta@example.com of Gęśla Próbna 7 is no customer")
    assert told(failure, ORDER).message == f"{BLOT} of {BLOT} is no customer"
    assert told(failure, None).message == f"{BLOT} of Gęśla Próbna 7 is no customer"
    plain = Failure(cause=Cause.REJECTED, message="SKU-001 is out of stock")
    assert told(plain, ORDER) is plain
