"""Order + templates -> the mail that thanks the buyer for it.

The templates are Jinja's, in its sandbox: they see `order`, `buyer`, `account` and `language`, the values below, and
nothing else. All amounts are text already, written as the mail's language writes them. A name that isn't there is a
mistake and never an empty place, so that trying a template on sample orders finds what is misspelt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from orderferry import (
    Address,
    Buyer,
    Delivery,
    Line,
    Mail,
    Malformed,
    Money,
    Order,
    Payment,
    PaymentKind,
    PickupPoint,
    Stage,
)

if TYPE_CHECKING:
    from jinja2 import Template

Language: TypeAlias = Literal["pl", "en"]
LANGUAGES: tuple[Language, ...] = ("pl", "en")


class Part(StrEnum):
    """A part of the mail, each with a template of its own."""

    SUBJECT = "subject"
    TEXT = "text"
    HTML = "html"


class Templates(Struct, frozen=True, kw_only=True):
    """A mail's templates as their authors wrote them; without `html` it is a mail of text alone."""

    subject: str
    text: str
    html: str | None = None


class Letters(Struct, frozen=True, kw_only=True):
    """The templates by the mail's language, and which language mails have: "auto" is the buyer's."""

    language: Literal["pl", "en", "auto"] = "auto"
    templates: Mapping[Language, Templates]


class Fault(Struct, frozen=True, kw_only=True):
    """Why a template can't be used: in which part and line, and what is wrong there."""

    part: Part
    line: int | None
    sentence: str


class LineFacts(Struct, frozen=True, kw_only=True):
    """A line of the order."""

    name: str
    quantity: int
    unit_price: str
    total: str
    sku: str | None


class OrderFacts(Struct, frozen=True, kw_only=True):
    """The order; `number` is the one that it has where it was bought, `date` is in UTC, `address` has rows."""

    number: str
    date: str
    lines: tuple[LineFacts, ...]
    total: str
    delivery_cost: str
    delivery_method: str | None
    address: tuple[str, ...]
    pickup_point: str | None
    payment: str
    cash_on_delivery: bool
    paid: bool
    comment: str | None


class BuyerFacts(Struct, frozen=True, kw_only=True):
    """Who bought."""

    first_name: str | None
    last_name: str | None
    company: str | None
    login: str | None


def thank(order: Order, letters: Letters, *, mark: str, account: str, paid: bool) -> Mail:
    """The mail for an order of this account; `mark` is the order's reference, so that a second mail has the same id.

    Raises `Malformed` where the order has no address, or where its template fails on just this order.
    """
    to = order.buyer.email
    if not to:
        raise Malformed("the order has no e-mail address of its buyer")
    language = letters.language if letters.language != "auto" else language_of(order)
    templates = letters.templates[language]
    values = facts(order, language, account=account, paid=paid)
    made: dict[Part, str] = {}
    for part, source in _parts(templates):
        rendered = _render(part, source, values)
        if isinstance(rendered, Fault):
            place = f"line {rendered.line} of its {part} template" if rendered.line else f"its {part} template"
            raise Malformed(f"{place} fails on this order")  # the fault's words may hold what it stumbled over
        made[part] = rendered
    return Mail(
        id=f"{mark}.thanks",
        to=to,
        subject=made[Part.SUBJECT],
        text=made[Part.TEXT],
        html=made.get(Part.HTML),
    )


def faults(templates: Templates, language: Language) -> tuple[Fault, ...]:
    """What is wrong with templates: each part is tried on sample orders, and its first fault told."""
    found = []
    for part, source in _parts(templates):
        tried = (
            _render(part, source, facts(order, language, account="example", paid=order.paid)) for order in samples()
        )
        fault = next((one for one in tried if isinstance(one, Fault)), None)
        if fault is None and not (source.strip() or part is Part.HTML):
            fault = Fault(part=part, line=None, sentence="it is empty")
        if fault is not None:
            found.append(fault)
    return tuple(found)


def language_of(order: Order) -> Language:
    """The buyer's language, as far as it can be known: what he set, else where the parcel goes, else the currency."""
    if order.buyer.language:
        return "pl" if order.buyer.language.lower().startswith("pl") else "en"
    point = order.delivery.pickup_point
    address = order.delivery.address or (point.address if point is not None else None)
    if address is not None:
        return "pl" if address.country == "PL" else "en"
    return "pl" if order.total.currency == "PLN" else "en"


def facts(order: Order, language: Language, *, account: str, paid: bool) -> Mapping[str, object]:
    """What templates see."""
    delivery, buyer, point = order.delivery, order.buyer, order.delivery.pickup_point
    return {
        "order": OrderFacts(
            number=order.external_id,
            date=f"{order.ordered_at:%d.%m.%Y}" if language == "pl" else f"{order.ordered_at:%Y-%m-%d}",
            lines=tuple(
                LineFacts(
                    name=line.name,
                    quantity=line.quantity,
                    unit_price=amount(line.unit_price, language),
                    total=amount(line.total, language),
                    sku=line.sku,
                )
                for line in order.lines
            ),
            total=amount(order.total, language),
            delivery_cost=amount(delivery.cost, language),
            delivery_method=delivery.method,
            address=tuple(_rows(delivery.address, language)) if delivery.address is not None else (),
            pickup_point=", ".join(part for part in (point.id, point.name) if part) if point is not None else None,
            payment=order.payment.kind.value,
            cash_on_delivery=order.payment.kind is PaymentKind.CASH_ON_DELIVERY,
            paid=paid,
            comment=order.comment,
        ),
        "buyer": BuyerFacts(
            first_name=buyer.first_name, last_name=buyer.last_name, company=buyer.company, login=buyer.login
        ),
        "account": account,
        "language": language,
    }


def amount(money: Money, language: Language) -> str:
    """An amount as the language writes it: "1 234,50 zł" (its spaces don't break), "1,234.50 PLN"."""
    plain = f"{money.amount:,.2f}"
    if language == "en":
        return f"{plain} {money.currency}"
    digits = plain.translate(str.maketrans(",.", "\N{NO-BREAK SPACE},"))
    return f"{digits}\N{NO-BREAK SPACE}{'zł' if money.currency == 'PLN' else money.currency}"


def _rows(address: Address, language: Language) -> Iterator[str]:
    person = " ".join(name for name in (address.first_name, address.last_name) if name)
    town = " ".join(part for part in (address.postcode, address.city) if part)
    at_home = language == "pl" and address.country == "PL"
    for row in (person, address.company, address.street, address.street2, town, None if at_home else address.country):
        if row:
            yield row


def _parts(templates: Templates) -> Iterator[tuple[Part, str]]:
    yield Part.SUBJECT, templates.subject
    yield Part.TEXT, templates.text
    if templates.html is not None:
        yield Part.HTML, templates.html


def _render(part: Part, source: str, values: Mapping[str, object]) -> str | Fault:
    from jinja2 import TemplateSyntaxError, UndefinedError  # noqa: PLC0415 - only those who send mails wait for it

    try:
        text = _compiled(source, escapes=part is Part.HTML).render(values)
    except TemplateSyntaxError as error:
        return Fault(part=part, line=error.lineno, sentence=(error.message or "it can't be read").rstrip("."))
    except Exception as error:  # noqa: BLE001 - a template may raise anything
        words = error.message if isinstance(error, UndefinedError) else None
        sentence = _FACTS.sub(lambda found: f"{found[1].lower()} has no", words or f"{type(error).__name__}: {error}")
        return Fault(part=part, line=_line(error.__traceback__), sentence=sentence)
    if part is Part.SUBJECT:
        return " ".join(text.split())
    return re.sub(r"\n\s*\n\s*\n", "\n\n", text).strip() + "\n"


_FACTS = re.compile(r"'[\w.]*?(\w+)Facts object' has no attribute")


@lru_cache(maxsize=16)
def _compiled(source: str, *, escapes: bool) -> Template:
    from jinja2 import StrictUndefined  # noqa: PLC0415 - as above
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415 - as above

    environment = ImmutableSandboxedEnvironment(
        autoescape=escapes, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)


def _line(trace: TracebackType | None) -> int | None:
    """The template's line in which an error arose."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


@lru_cache(maxsize=1)
def samples() -> tuple[Order, ...]:
    """Orders to try templates on: one that tells everything, and one that tells as little as an order may."""
    price = Money(Decimal("1234.50"), "PLN")
    moment = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    full = Order(
        external_id="29738e61-7f6a-11e8-ac45-09db60ede9d6",
        stage=Stage.READY,
        ordered_at=moment,
        updated_at=moment,
        buyer=Buyer(login="anna", email="anna@example.org", first_name="Anna", last_name="Nowak", company="Nowak & Co"),
        lines=(Line(id="1", name="Kubek <duży>", quantity=2, unit_price=price, total=price * 2, sku="MUG-1"),),
        delivery=Delivery(
            method="Paczkomat",
            cost=Money(Decimal("9.99"), "PLN"),
            address=Address(
                first_name="Anna",
                last_name="Nowak",
                company="Nowak & Co",
                street="Solna 1",
                street2="m. 2",
                city="Poznań",
                postcode="60-166",
                country="PL",
            ),
            pickup_point=PickupPoint(id="POZ08A", name="Paczkomat POZ08A"),
        ),
        payment=Payment(kind=PaymentKind.ONLINE, paid=Money(Decimal("2478.99"), "PLN"), paid_at=moment),
        total=Money(Decimal("2478.99"), "PLN"),
        comment="Proszę dzwonić",
    )
    bare = replace(
        full,
        buyer=Buyer(email="anna@example.org"),
        lines=(replace(full.lines[0], sku=None),),
        delivery=Delivery(cost=full.delivery.cost, pickup_point=PickupPoint(id="POZ08A")),
        payment=Payment(kind=PaymentKind.CASH_ON_DELIVERY),
        comment=None,
    )
    return (full, bare)
