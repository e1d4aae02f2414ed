"""Single values of eBay's JSON made into the contract's; pure. What is wrong is said by its path, never its content."""

from __future__ import annotations

from datetime import UTC, datetime

from orderferry import Address, Malformed, Money
from orderferry.names import first_and_last
from plugins.ebay import wire


def address(contact: wire.Contact, path: str, *, reference: str | None = None) -> Address | None:
    """The contact's address, None where its first line isn't shown.

    The hub of eBay finds the parcel by its reference, which must stand right above the street.
    """
    place = contact.contact_address
    if place is None or not place.address_line1:
        return None
    if not place.city or not place.country_code:
        raise Malformed(f"{path}.contactAddress has no {'countryCode' if place.city else 'city'}")
    first, last = first_and_last(contact.full_name)
    company = contact.company_name or None
    if reference:
        company = f"{company}, Reference #{reference}" if company else f"Reference #{reference}"
    with at(f"{path}.contactAddress"):
        return Address(
            first_name=first,
            last_name=last,
            company=company,
            street=place.address_line1,
            street2=place.address_line2 or None,
            city=place.city,
            postcode=place.postal_code or None,
            state=place.state_or_province or None,
            country=country(place.country_code),
            phone=(contact.primary_phone.phone_number or None) if contact.primary_phone else None,
        )


def country(code: str) -> str:
    """A country code; the message of a wrong one does not tell it."""
    if len(code) != 2 or not (code.isascii() and code.isalpha() and code.isupper()):
        raise Malformed("countryCode is no code of two capital letters")  # its content may be the buyer's
    return code


def money(amount: wire.Amount, path: str) -> Money:
    """An amount."""
    with at(path):
        return Money.of(amount.value, amount.currency)


def utc(moment: datetime, path: str) -> datetime:
    """A moment in UTC."""
    if moment.tzinfo is None:
        raise Malformed(f"{path} has no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Malformed(f"{path} is beyond all time") from None


class at:  # noqa: N801 - read as a word: with at("$.pricingSummary.total")
    """Puts the field's path before what is wrong with it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Malformed):
            raise Malformed(f"{self._path}: {error}") from None
