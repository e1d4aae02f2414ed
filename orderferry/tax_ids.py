"""Polish and EU tax ids: whatever a platform or a buyer wrote -> country and number, without a guess.

Formats: https://ec.europa.eu/taxation_customs/vies/ (VAT identification numbers). The check digit is verified for the
Polish NIP alone; for other countries the shape decides.
"""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

WEIGHTS = (6, 5, 7, 2, 3, 4, 5, 6, 7)

SHAPES = {
    "AT": r"U\d{8}",
    "BE": r"[01]\d{9}",
    "BG": r"\d{9,10}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"\d{9}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"[A-Z]\d{7}[A-Z0-9]|\d{8}[A-Z]",
    "FI": r"\d{8}",
    "FR": r"[A-HJ-NP-Z0-9]{2}\d{9}",
    "HR": r"\d{11}",
    "HU": r"\d{8}",
    "IE": r"\d{7}[A-W][A-IW]?|\d[A-Z+*]\d{5}[A-W]",
    "IT": r"\d{11}",
    "LT": r"\d{9}|\d{12}",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"\d{9}B\d{2}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{10}01",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
    "XI": r"\d{9}|\d{12}|GD\d{3}|HA\d{3}",
}
_PREFIXES = {"GR": "EL"}  # Greece has a prefix of its own, which is not its country code


class TaxIdKind(StrEnum):
    """What a tax id is, as far as it can be told by itself."""

    NIP = "nip"  # Polish, its check digit is right
    EU_VAT = "eu_vat"  # of the shape that its country's VAT numbers have
    OTHER = "other"


class TaxId(Struct, frozen=True, kw_only=True):
    """A tax id, taken apart: `number` has neither separators nor prefix, `prefix` is its country's in VAT numbers."""

    kind: TaxIdKind
    number: str
    prefix: str | None = None

    @property
    def international(self) -> str:
        """With the prefix, as invoices across borders want it; the bare number where no country is known."""
        return f"{self.prefix or ''}{self.number}"

    def within(self, country: str) -> str:
        """As it is written in this country: its own numbers bare, all others with their prefix."""
        return self.number if self.prefix == _PREFIXES.get(country, country) else self.international


def read(text: str | None, country: str | None = None) -> TaxId | None:
    """Takes a tax id apart; None where there is none.

    `country` (ISO 3166-1 alpha-2) is that of the invoice: a number without a prefix is only taken for one of that
    country, or for a NIP where no country is given. What fits nothing is `OTHER`, with its text kept.
    """
    number = re.sub(r"[^0-9A-Z+*]", "", (text or "").upper()).removeprefix("NIP")
    if not number:
        return None
    prefix, rest = number[:2], number[2:]
    if prefix in SHAPES and (found := _of(prefix, rest)):
        return found
    if found := _of(_PREFIXES.get(country or "PL", country or "PL"), number):
        return found
    return TaxId(kind=TaxIdKind.OTHER, number=number)


def valid_nip(number: str) -> bool:
    """Whether these are ten digits with the right check digit; separators and prefix must be gone."""
    if not (len(number) == 10 and number.isascii() and number.isdigit()):
        return False
    digits = [int(digit) for digit in number]
    return sum(weight * digit for weight, digit in zip(WEIGHTS, digits, strict=False)) % 11 == digits[9]


def _of(prefix: str, number: str) -> TaxId | None:
    if prefix == "PL":
        return TaxId(kind=TaxIdKind.NIP, number=number, prefix="PL") if valid_nip(number) else None
    shape = SHAPES.get(prefix)
    return TaxId(kind=TaxIdKind.EU_VAT, number=number, prefix=prefix) if shape and re.fullmatch(shape, number) else None
