"""eBay's codes of carriers (Trading API, ShippingCarrierCodeType), as far as they are in use in Europe and the US.

The REST API has no list of them. For a carrier that has no code eBay wants "Other".
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from orderferry import Choice

OTHER: Final = "Other"

TITLES: Final = MappingProxyType(
    {
        "DHL": "DHL",
        "DHLEXPRESS": "DHL Express",
        "DHLGlobalMail": "DHL Global Mail",
        "DPD": "DPD",
        "GLS": "GLS",
        "UPS": "UPS",
        "FedEx": "FedEx",
        "Hermes": "Hermes",
        "DeutschePost": "Deutsche Post",
        "PocztaPolska": "Poczta Polska",
        "Pocztex": "Pocztex",
        "OsterreichischePostAG": "Österreichische Post",
        "DieSchweizerischePost": "Die Schweizerische Post",
        "SwissPost": "Swiss Post",
        "RoyalMail": "Royal Mail",
        "Parcelforce": "Parcelforce",
        "Yodel": "Yodel",
        "CollectPlus": "CollectPlus",
        "UKMail": "UK Mail",
        "AnPost": "An Post",
        "LAPOSTE": "La Poste",
        "Colissimo": "Colissimo",
        "Chronopost": "Chronopost",
        "MondialRelay": "Mondial Relay",
        "KIALA": "Kiala",
        "PosteItaliane": "Poste Italiane",
        "Bartolini": "BRT Bartolini",
        "SDA": "SDA",
        "Correos": "Correos",
        "Nacex": "Nacex",
        "MRW": "MRW",
        "BPost": "bpost",
        "PostNL": "PostNL",
        "PostNordNorway": "PostNord",
        "DBSchenker": "DB Schenker",
        "iLoxx": "iloxx",
        "USPS": "USPS",
        "ONTRACK": "OnTrac",
        "AustraliaPost": "Australia Post",
        "ChinaPost": "China Post",
        "YANWEN": "Yanwen",
        "FourPX": "4PX",
        OTHER: "Any other carrier",
    }
)

_SPELLINGS: Final = MappingProxyType({"brt": "Bartolini", "siodemka": "DPD", "postaustria": "OsterreichischePostAG"})


def _key(word: str) -> str:
    return re.sub(r"[\W_]+", "", word).casefold()


_CODES: Final = MappingProxyType(
    {**{_key(title): one for one, title in TITLES.items()}, **_SPELLINGS, **{_key(one): one for one in TITLES}}
)


def code(carrier: str) -> str:
    """The code of a carrier, by its code or its name in any spelling; "Other" where eBay has none."""
    return _CODES.get(_key(carrier), OTHER)


def choices() -> tuple[Choice, ...]:
    """The list for the seller."""
    return tuple(Choice(id=one, title=title) for one, title in TITLES.items())
