"""Finding a person's orders: by e-mail address, login, or telephone number."""

from __future__ import annotations

from msgspec import Struct

from orderferry import Order

SHORTEST_PHONE = 7
COMPARED = 9  # digits of a telephone number without its country's code


class Wanted(Struct, frozen=True, kw_only=True):
    """Who is looked for; an order is his if any of these fits. `account`: only orders of this account."""

    emails: frozenset[str] = frozenset()
    logins: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    account: str | None = None

    def __bool__(self) -> bool:
        return bool(self.emails or self.logins or self.phones)


def wanted(text: str) -> Wanted:
    """Whom a person means by this text."""
    text = text.strip()
    if "@" in text:
        return Wanted(emails=frozenset({text.casefold()}))
    number = phone(text)
    return Wanted(
        logins=frozenset({text.casefold()}) if text else frozenset(),
        phones=frozenset({number}) if number else frozenset(),
    )


def of(order: Order, account: str) -> Wanted:
    """The buyer of this order, for finding what else there is of him: by his address, or by his login there."""
    buyer = order.buyer
    return Wanted(
        emails=frozenset({buyer.email.casefold()} if buyer.email else ()),
        logins=frozenset({buyer.login.casefold()} if buyer.login and not buyer.email else ()),
        account=None if buyer.email else account,
    )


def fits(order: Order, account: str, person: Wanted) -> bool:
    """Whether the order is this person's."""
    if person.account not in {None, account}:
        return False
    buyer = order.buyer
    if buyer.email and buyer.email.casefold() in person.emails:
        return True
    if any(name and name.casefold() in person.logins for name in (buyer.login, buyer.id)):
        return True
    return bool(person.phones) and any(phone(number) in person.phones for number in _phones(order) if number)


def occurs(raw: bytes, account: str, person: Wanted) -> bool:
    """Whether a text that could not be read as an order names this person: by address or login, letter by letter."""
    if person.account not in {None, account}:
        return False
    text = raw.decode("utf-8", "replace").casefold()
    return any(word in text for word in (*person.emails, *person.logins))


def phone(text: str) -> str | None:
    """A telephone number for comparison: its last digits, however it was written; None where it is none."""
    rest = "".join(letter for letter in text if letter not in " +-()./\u00a0")
    if not (rest.isascii() and rest.isdigit()) or len(rest) < SHORTEST_PHONE:
        return None
    return rest[-COMPARED:]


def _phones(order: Order) -> tuple[str | None, ...]:
    delivery, invoice = order.delivery.address, order.invoice
    return (
        order.buyer.phone,
        delivery.phone if delivery else None,
        invoice.address.phone if invoice else None,
    )
