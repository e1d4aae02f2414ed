"""The many spellings of carriers' names -> one canonical name each; pure.

A plugin looks a seller's spelling up here, and the canonical name in its own table of the platform's codes.
"""

from __future__ import annotations

import re
import unicodedata
from types import MappingProxyType
from typing import Final

SPELLINGS: Final = MappingProxyType(
    {
        "4PX": ("4 px",),
        "Allegro One": ("one by allegro", "allegro one box", "allegro one punkt", "allegro one kurier"),
        "Amazon Shipping": ("amazon logistics", "swiship", "amzl"),
        "An Post": ("anpost",),
        "Asendia": (),
        "BRT": ("bartolini", "brt corriere espresso"),
        "Balíkovna": ("balikovna",),
        "Bring": ("posten bring",),
        "Cainiao": (),
        "Cargus": ("urgent cargus",),
        "Česká pošta": ("ceska posta", "czech post"),
        "China Post": ("chinapost", "china ems"),
        "Chronopost": (),
        "Colis Privé": ("colisprive",),
        "Colissimo": ("la poste colissimo", "coliposte"),
        "Correos": ("correos de españa",),
        "Correos Express": ("chronoexpres",),
        "CTT": ("ctt express", "ctt expresso"),
        "DB Schenker": ("schenker",),
        "Deutsche Post": ("deutschepost", "dp ag"),
        "DHL": ("dhl express", "dhl parcel", "dhl paket", "dhl ecommerce", "dhl pop box", "deutsche post dhl", "dhl24"),
        "DPD": ("dpd pickup", "dpd courier", "geopost", "dpd local"),
        "Econt": (),
        "Evri": ("hermes uk", "myhermes"),
        "FAN Courier": ("fancourier",),
        "FedEx": ("fed ex", "federal express"),
        "Geis": (),
        "GEODIS": (),
        "GLS": ("general logistics systems", "gls parcel"),
        "Hermes": ("hermes germany", "hermes logistik gruppe", "hlg", "hermes paketversand"),
        "InPost": ("in post", "inpost paczkomaty", "paczkomaty", "paczkomat", "paczkomaty 24 7", "paczkomat inpost"),
        "La Poste": ("laposte",),
        "Magyar Posta": ("hungarian post",),
        "Matkahuolto": (),
        "Meest": (),
        "Mondial Relay": ("mondialrelay",),
        "MRW": (),
        "Nacex": (),
        "Nova Post": ("nova poshta",),
        "Omniva": (),
        "ORLEN Paczka": ("paczka w ruchu", "ruch", "orlen"),
        "Österreichische Post": ("austrian post", "oesterreichische post"),
        "Packeta": ("zasilkovna", "zasielkovna", "przesylkownia"),
        "Parcelforce": ("parcel force", "parcelforce worldwide"),
        "Pocztex": ("pocztex kurier", "pocztex punkt", "pocztex automat"),
        "Poczta Polska": ("pocztapolska", "polish post", "list polecony", "paczka pocztowa"),
        "Poste Italiane": ("posteitaliane",),
        "PostNL": ("post nl",),
        "PostNord": ("post nord",),
        "PPL": ("professional parcel logistic",),
        "Raben": ("raben group",),
        "Relais Colis": (),
        "Royal Mail": ("royalmail",),
        "Sameday": ("easybox",),
        "SDA": ("sda express courier",),
        "SEUR": (),
        "SF Express": (),
        "Slovenská pošta": ("slovenska posta", "slovak post"),
        "Smartposti": ("itella", "smartpost itella"),
        "Speedy": (),
        "Swiss Post": ("die schweizerische post", "swisspost"),
        "TNT": ("tnt express",),
        "UPS": ("united parcel service",),
        "USPS": ("united states postal service", "us postal service"),
        "Venipak": (),
        "Yodel": (),
        "YunExpress": ("yun express",),
        "bpost": ("b post", "belgian post"),
    }
)
"""Canonical name -> further spellings, in words; case, accents and punctuation don't count."""


def canonical(spelling: str) -> str | None:
    """The canonical name of the carrier that this text names, such as "DPD" for "Kurier DPD (pobranie)".

    The longest known spelling whose words stand together in the text decides; None where there is none, or where two
    carriers are named equally well.
    """
    text = _words(spelling)
    best: set[str] = set()
    length = 0
    for words, name in _BY_WORDS.items():
        if len(words) >= length and f" {words} " in f" {text} ":
            best = {name} if len(words) > length else best | {name}
            length = len(words)
    return best.pop() if len(best) == 1 else None


def _words(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ł", "l"))
    return " ".join(re.findall(r"[a-z0-9]+", "".join(sign for sign in plain if not unicodedata.combining(sign))))


_BY_WORDS: Final = MappingProxyType(
    {_words(spelling): name for name, others in SPELLINGS.items() for spelling in (name, *others)}
)
