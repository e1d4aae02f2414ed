"""Amazon's marketplaces that one European login reaches: id, country, currency and name.

Source: developer-docs.amazon.com/sp-api/docs/marketplace-ids, the region Europe without Africa and Asia.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from msgspec import Struct


class Marketplace(Struct, frozen=True):
    """One of Amazon's sites; `country` is ISO 3166-1 alpha-2."""

    id: str
    country: str
    currency: str
    name: str


ALL: Final = (
    Marketplace("AMEN7PMS3EDWL", "BE", "EUR", "Amazon.com.be"),
    Marketplace("A1PA6795UKMFR9", "DE", "EUR", "Amazon.de"),
    Marketplace("A1RKKUPIHCS9HS", "ES", "EUR", "Amazon.es"),
    Marketplace("A13V1IB3VIYZZH", "FR", "EUR", "Amazon.fr"),
    Marketplace("A28R8C7NBKEWEA", "IE", "EUR", "Amazon.ie"),
    Marketplace("APJ6JRA9NG5V4", "IT", "EUR", "Amazon.it"),
    Marketplace("A1805IZSGTT6HS", "NL", "EUR", "Amazon.nl"),
    Marketplace("A1C3SOZRARQ6R3", "PL", "PLN", "Amazon.pl"),
    Marketplace("A2NODRKZP88ZB9", "SE", "SEK", "Amazon.se"),
    Marketplace("A1F83G8C2ARO7P", "GB", "GBP", "Amazon.co.uk"),
    Marketplace("A33AVAJ2PDY3EV", "TR", "TRY", "Amazon.com.tr"),
)
EUROPEAN_UNION: Final = ("BE", "DE", "ES", "FR", "IE", "IT", "NL", "PL", "SE")

BY_ID: Final = MappingProxyType({one.id: one for one in ALL})
_BY_WORD: Final = MappingProxyType(
    {word: one for one in ALL for word in (one.id, one.country)} | {"UK": BY_ID["A1F83G8C2ARO7P"]}
)


def named(words: Iterable[str]) -> tuple[Marketplace, ...]:
    """The marketplaces of these countries or ids, each once; raises ValueError with what would be right."""
    found: dict[str, Marketplace] = {}
    for word in words:
        one = _BY_WORD.get(word.strip().upper())
        if one is None:
            known = ", ".join(sorted(each.country for each in ALL))
            raise ValueError(f"marketplaces: {word[:20]!r} is none of them; write countries out of {known}")
        found[one.id] = one
    if not found:
        raise ValueError("marketplaces: at least one is needed; leave the key out for all of the European Union")
    return tuple(found.values())
