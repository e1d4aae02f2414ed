"""The text of a cell -> a value, or `BadCell` with what is wrong.

A complaint never quotes the cell: in a row that is shifted by one column it may be a buyer's name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from types import MappingProxyType

from orderferry import PaymentKind

CENT = Decimal("0.01")
_SPACES = re.compile(r"[\s\u00a0\u202f']+")
_CURRENCY = re.compile(r"(?:PLN|ZŁ|EUR|€|USD|\$|GBP|£|CZK|KČ)\.?", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,8})?")


class BadCell(ValueError):  # noqa: N818 - says what is the case, like the contract's own errors
    """A cell's text is not what its field needs; the message says what was expected."""


def folded(text: str) -> str:
    """Letters and digits alone, lower case and without accents: by this names and words are compared."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ł", "l"))
    return "".join(char for char in plain if char.isalnum())


def number(text: str, decimal: str | None) -> Decimal:
    """A number with point or comma, and with thousands apart; `decimal` says which of the two is which.

    Where nobody says and the text allows both (1,234), it is refused: a thousand euros are not guessed.
    """
    plain = _SPACES.sub("", _CURRENCY.sub("", text))
    if decimal is not None:
        apart = "." if decimal == "," else ","
        whole, point, rest = plain.partition(decimal)
        groups = whole.lstrip("-").split(apart)
        good = len(groups) == 1 or (0 < len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]))
        plain = whole.replace(apart, "") + ("." if point else "") + rest if good else ""
    elif "," in plain and "." in plain:
        return number(plain, "," if plain.rfind(",") > plain.rfind(".") else ".")
    elif plain.count(",") + plain.count(".") > 1:
        return number(plain, "." if "," in plain else ",")
    elif re.fullmatch(r"-?[1-9]\d{0,2}[.,]\d{3}", plain):
        raise BadCell('may be thousands or a fraction; say in the mapping under [file]: decimal = "," or "."')
    else:
        plain = plain.replace(",", ".")
    if not _NUMBER.fullmatch(plain):
        raise BadCell("is not a number such as 12,50")
    return Decimal(plain)


def amount(text: str, decimal: str | None) -> Decimal:
    """An amount of money of two decimals that is not below nothing."""
    value = number(text, decimal)
    if value < 0:
        raise BadCell("is below zero")
    if value != value.quantize(CENT):
        raise BadCell("has more than two decimals")
    return value.quantize(CENT)


def quantity(text: str, decimal: str | None) -> int:
    """A whole number of pieces; 2,00 counts as 2."""
    value = number(text, decimal)
    if value != value.to_integral_value():
        raise BadCell("is not a whole number of pieces")
    return int(value)


def currency(text: str) -> str:
    """A currency's three capital letters."""
    plain = text.strip()
    if len(plain) != 3 or not (plain.isascii() and plain.isalpha()):
        raise BadCell("is not a currency's three letters, such as PLN")
    return plain.upper()


def rate(text: str) -> Decimal | None:
    """A tax rate in per cent, such as 23 or 23%; None for what is exempt (zw, np)."""
    if folded(text) in {"zw", "np", "oo", "exempt"}:
        return None
    value = number(text.rstrip("% "), None if "," in text else ".")
    if not 0 <= value < 100:
        raise BadCell("is not a tax rate in per cent")
    return value


def moment(text: str, form: str | None, zone: tzinfo | None) -> datetime:
    """A date or a time in UTC: ISO, 31.01.2026, 31-01-2026, or as `form` says in strptime's letters.

    One without an offset is meant in `zone`; None is the time zone of this machine.
    """
    found = _read_moment(text.strip(), form)
    if found is None:
        how = "is not a date such as 2026-01-31 or 31.01.2026 14:30"
        raise BadCell(how if form is None else f"is not a date in the form {form} that the mapping says")
    try:
        given = found if found.tzinfo is not None else found.replace(tzinfo=zone)
        moved = given.astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        raise BadCell("is a date beyond the calendar") from None
    if not 1990 <= moved.year <= 2200:
        raise BadCell("is a date beyond the calendar")
    return moved


def _read_moment(text: str, form: str | None) -> datetime | None:
    for pattern in (form,) if form is not None else _DATES:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - the caller gives it its zone
        except ValueError:
            continue
    if form is None:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            return None
    return None


_DATES = tuple(f"%d{mark}%m{mark}%Y{hours}" for mark in ".-" for hours in ("", " %H:%M", " %H:%M:%S"))

_YES = frozenset({"1", "tak", "t", "yes", "y", "true", "paid", "oplacone", "oplacony", "oplacona", "zaplacone"})
_NO = frozenset({"0", "nie", "n", "no", "false", "unpaid", "nieoplacone", "nieoplacony", "nieoplacona", "niezaplacone"})


def yes(text: str) -> bool:
    """Yes or no, in Polish or English."""
    word = folded(text)
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise BadCell("is neither yes nor no (tak, nie, 1, 0 and true, false do as well)")


def payment_kind(text: str, words: Mapping[str, PaymentKind]) -> PaymentKind:
    """How is paid, by the mapping's words first; what nobody knows is `OTHER`."""
    if text in words:
        return words[text]
    word = folded(text)
    return next((kind for part, kind in _KINDS.items() if part in word), PaymentKind.OTHER)


_KINDS: Mapping[str, PaymentKind] = MappingProxyType(
    {
        "pobrani": PaymentKind.CASH_ON_DELIVERY,
        "cashondelivery": PaymentKind.CASH_ON_DELIVERY,
        "cod": PaymentKind.CASH_ON_DELIVERY,
        "online": PaymentKind.ONLINE,
        "przelewy24": PaymentKind.ONLINE,
        "payu": PaymentKind.ONLINE,
        "tpay": PaymentKind.ONLINE,
        "blik": PaymentKind.ONLINE,
        "paypal": PaymentKind.ONLINE,
        "stripe": PaymentKind.ONLINE,
        "card": PaymentKind.ONLINE,
        "karta": PaymentKind.ONLINE,
        "przelew": PaymentKind.TRANSFER,
        "transfer": PaymentKind.TRANSFER,
        "deferred": PaymentKind.DEFERRED,
        "odroczon": PaymentKind.DEFERRED,
    }
)


def country(text: str) -> str:
    """A country's two letters; some names in Polish and English are known too."""
    plain = text.strip()
    if len(plain) == 2 and plain.isascii() and plain.isalpha():
        return plain.upper()
    found = _COUNTRIES.get(folded(plain))
    if found is None:
        raise BadCell("is not a country's two letters, such as PL")
    return found


_COUNTRIES: Mapping[str, str] = MappingProxyType(
    {
        name: code
        for code, names in {
            "PL": "polska poland pol",
            "AT": "austria aut",
            "BE": "belgia belgium bel",
            "CZ": "czechy czechia czechrepublic cze",
            "DE": "niemcy germany deutschland deu",
            "DK": "dania denmark dnk",
            "ES": "hiszpania spain esp",
            "FR": "francja france fra",
            "GB": "wielkabrytania unitedkingdom greatbritain gbr",
            "HU": "wegry hungary hun",
            "IE": "irlandia ireland irl",
            "IT": "wlochy italy ita",
            "LT": "litwa lithuania ltu",
            "NL": "holandia niderlandy netherlands nld",
            "SE": "szwecja sweden swe",
            "SK": "slowacja slovakia svk",
            "UA": "ukraina ukraine ukr",
        }.items()
        for name in names.split()
    }
)
