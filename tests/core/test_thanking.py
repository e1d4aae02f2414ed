"""The mail's words: what templates see, in which language, and which templates are refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.core.thanking import (
    LANGUAGES,
    Language,
    Letters,
    Part,
    Templates,
    amount,
    faults,
    language_of,
    samples,
    thank,
)
from daemon.thank_you import supplied
from orderferry import Address, Buyer, Delivery, Malformed, Money, Order, PickupPoint

Make = Callable[..., Order]
PLAIN = Templates(subject="Order {{ order.number }}", text="Thanks.")


def letters(templates: Templates = PLAIN, language: Language = "en") -> Letters:
    return Letters(language=language, templates={language: templates})


def text_of(order: Order, text: str, **more: str) -> str:
    templates = Templates(subject="S", text=text, **more)
    return thank(order, letters(templates), mark="m", account="allegro-main", paid=True).text


def test_the_mail_goes_to_the_buyer_with_an_id_of_its_order(order: Make) -> None:
    mail = thank(order(), letters(), mark="ferryab", account="a", paid=True)
    assert (mail.to, mail.id, mail.subject, mail.text, mail.html) == (
        "a@example.org",
        "ferryab.thanks",
        "Order form-1",
        "Thanks.\n",
        None,
    )


@pytest.mark.parametrize("email", [None, ""])
def test_without_an_address_there_is_no_mail(order: Make, email: str | None) -> None:
    with pytest.raises(Malformed, match="no e-mail address"):
        thank(order(buyer=Buyer(email=email)), letters(), mark="m", account="a", paid=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_supplied_templates_tell_all_that_was_bought(order: Make, language: Language) -> None:
    whole = order(
        lines=tuple(replace(order().lines[0], id=str(n), name=f"Cup {n} <b>&") for n in range(3)),
        delivery=replace(order().delivery, pickup_point=PickupPoint(id="POZ08A", name="Paczkomat")),
    )
    mail = thank(whole, letters(supplied(language), language), mark="m", account="a", paid=True)
    assert mail.html is not None
    assert "form-1" in mail.subject
    assert "<b>" not in mail.html
    for text in (mail.text, unescape(mail.html)):
        for said in ("Cup 0 <b>&", "Cup 2 <b>&", "Courier", "POZ08A", "Solna 1", "60-166 Poznań"):
            assert said in text
        for money in (order().lines[0].total, order().delivery.cost, order().total):
            assert amount(money, language) in text
    assert "\n\n\n" not in mail.text


def test_only_html_is_escaped(order: Make) -> None:
    templates = Templates(subject="{{ order.comment }}", text="{{ order.comment }}", html="{{ order.comment }}")
    mail = thank(order(comment="<i>1 & 2</i>"), letters(templates), mark="m", account="a", paid=True)
    assert (mail.subject, mail.text) == ("<i>1 & 2</i>", "<i>1 & 2</i>\n")
    assert mail.html == "&lt;i&gt;1 &amp; 2&lt;/i&gt;\n"


def test_a_subject_stays_one_line_whatever_the_buyer_wrote(order: Make) -> None:
    templates = Templates(subject="Order: {{ order.comment }}\n", text="x")
    mail = thank(order(comment="a\r\nBcc: all@example.org"), letters(templates), mark="m", account="a", paid=True)
    assert mail.subject == "Order: a Bcc: all@example.org"


def test_a_template_of_the_buyers_own_words_is_not_carried_out(order: Make) -> None:
    assert text_of(order(comment="{{ 1 + 1 }}"), "{{ order.comment }}") == "{{ 1 + 1 }}\n"


@pytest.mark.parametrize(
    ("given", "pl", "en"),
    [
        ("0", "0,00 zł", "0.00 PLN"),
        ("9.9", "9,90 zł", "9.90 PLN"),
        ("1234567.891", "1 234 567,89 zł", "1,234,567.89 PLN"),
        ("-5", "-5,00 zł", "-5.00 PLN"),
    ],
)
def test_amounts_are_written_as_the_language_writes_them(given: str, pl: str, en: str) -> None:
    money = Money(Decimal(given), "PLN")
    assert amount(money, "pl").replace("\N{NO-BREAK SPACE}", " ") == pl
    assert amount(money, "en") == en
    assert amount(replace(money, currency="EUR"), "pl").endswith("EUR")


@pytest.mark.parametrize(
    ("language", "country", "currency", "expected"),
    [
        ("pl-PL", "DE", "EUR", "pl"),
        ("DE", "PL", "PLN", "en"),
        (None, "PL", "EUR", "pl"),
        (None, "CZ", "PLN", "en"),
        (None, None, "PLN", "pl"),
        (None, None, "CZK", "en"),
    ],
)
def test_the_language_is_the_buyers_as_far_as_it_is_known(
    order: Make, language: str | None, country: str | None, currency: str, expected: Language
) -> None:
    cost, total = Money(Decimal(0), currency), Money(Decimal(5), currency)
    address = None if country is None else Address(street="A 1", city="B", country=country)
    line = replace(order().lines[0], unit_price=total, total=total)
    there = Delivery(cost=cost, address=address, pickup_point=PickupPoint(id="X"))
    at_a_point = Delivery(cost=cost, pickup_point=PickupPoint(id="X", address=address))
    for delivery in (there, at_a_point):
        given = order(buyer=Buyer(language=language), delivery=delivery, total=total, lines=(line,))
        assert language_of(given) == expected


def test_auto_chooses_the_templates_by_the_order(order: Make) -> None:
    both = Letters(templates={one: replace(PLAIN, text=f"{one} {{{{ language }}}}") for one in LANGUAGES})
    assert thank(order(), both, mark="m", account="a", paid=True).text == "pl pl\n"
    abroad = order(buyer=Buyer(email="a@example.org", language="en"))
    assert thank(abroad, both, mark="m", account="a", paid=True).text == "en en\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_supplied_templates_have_no_fault(language: Language) -> None:
    assert faults(supplied(language), language) == ()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a\n{% if %}", 2, "Expected an expression"),
        ("a\nb\n{{ ordr.number }}", 3, "'ordr' is undefined"),
        ("{{ order.nubmer }}", 1, "order has no 'nubmer'"),
        ("{% for line in order.lines %}\n{{ line.price }}\n{% endfor %}", 2, "line has no 'price'"),
        ("{{ buyer.email }}", 1, "buyer has no 'email'"),
        ("{{ ''.__class__ }}", 1, "unsafe"),
        ("{{ order.__struct_fields__ }}", 1, "unsafe"),
        ("a\n{{ order.delivery_method.upper() }}", 2, "None"),
        ("{% if not order.paid %}\n{{ order.due }}\n{% endif %}", 2, "order has no 'due'"),
        ("{{ 1 / 0 }}", 1, "ZeroDivisionError"),
        ("{% include 'x' %}", 1, "loader"),
        ("{% endfor %}", 1, "endfor"),
        (" \n", None, "empty"),
    ],
)
def test_a_template_that_does_not_render_is_told_with_its_line(text: str, line: int | None, says: str) -> None:
    (fault,) = faults(replace(PLAIN, text=text), "en")
    assert (fault.part, fault.line) == (Part.TEXT, line)
    assert says in fault.sentence


def test_every_part_is_tried() -> None:
    bad = Templates(subject="{{ a }}", text="{{ b }}", html="{{ c }}")
    assert [fault.part for fault in faults(bad, "en")] == list(Part)


def test_a_template_that_fails_on_one_order_parks_that_one_and_tells_nothing_of_the_buyer(order: Make) -> None:
    text = "a\n{% if order.number == 'form-1' %}{{ {}[buyer.login] }}{{ {}[buyer.login].x }}{% endif %}"
    assert faults(replace(PLAIN, text=text), "en") == ()
    with pytest.raises(Malformed) as raised:
        text_of(order(), text)
    assert str(raised.value) == "line 2 of its text template fails on this order"


@given(st.text(max_size=80))
def test_any_text_is_a_template_or_has_a_fault(text: str) -> None:
    templates = replace(PLAIN, text=text)
    found = faults(templates, "en")
    if not found:
        assert thank(samples()[0], letters(templates), mark="m", account="a", paid=True).text.endswith("\n")
