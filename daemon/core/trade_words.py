"""The words of the trade, in Polish and English: what is written in many ways, and is one and the same thing.

Each entry is a concept and a pattern of how it is written, in a text of small letters without diacritics, its words
apart by one blank. The first entry that fits takes its words out of the text, so the longer names stand before the
shorter ones that are in them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from orderferry import ChoiceKind

Words = tuple[tuple[str, str], ...]

STATUSES: Final[Words] = (
    (
        "unpaid",
        r"(pending|awaiting|waiting( for)?|oczeku\w*( na)?|oczekiwan\w*( na)?)( \w+){0,3} (payment|platnosc\w*)",
    ),
    (
        "unpaid",
        r"pending|nieoplacon\w*|niezaplacon\w*|unpaid|not paid|brak (wplaty|platnosci)|oczeku\w* na (za|w)plat\w*",
    ),
    ("failed", r"(payment|platnosc\w*) (error|failed|nieudan\w*|odrzucon\w*)|blad( platnosci)?|failed|nieudan\w*"),
    ("paid", r"payment (accepted|received|confirmed)"),
    ("paid", r"(platnosc\w*|wplat\w*) (zaakceptowan\w*|otrzyman\w*|potwierdzon\w*|przyjet\w*)"),
    ("paid", r"zaplacon\w*|oplacon\w*|paid"),
    ("held", r"on hold|wstrzyman\w*|zawieszon\w*|suspended|zablokowan\w*"),
    ("cancelled", r"cancel\w*|anulowan\w*|odwolan\w*|odrzucon\w*|rejected"),
    ("returned", r"return\w*|zwrocon\w*|zwrot\w*|refund\w*"),
    ("ready", r"ready (for|to) \w+|gotow\w*( do \w+)?|do wyslania|spakowan\w*|packed"),
    ("delivered", r"delivered|doreczon\w*|dostarczon\w*|odebran\w*|picked up"),
    ("sent", r"shipped|sent|dispatched|wyslan\w*|nadan\w*|w drodze|in transit|przekazan\w* kurierowi"),
    ("packing", r"packing|pakowan\w*|kompletowan\w*|w trakcie kompletowania|processing|(\w+ )?in progress"),
    ("packing", r"przyjet\w* do realizacji|(w trakcie|w) (realizacj\w*|przygotowani\w*)|przetwarzan\w*|prepar\w*"),
    ("packing", r"przygotow\w*( w toku)?|w toku|being prepared"),
    ("completed", r"complete\w*|zakonczon\w*|zrealizowan\w*|finished|fulfilled|closed|zamkniet\w*"),
    ("new", r"new|now[eya]|zlozon\w*|placed|open|received|otrzyman\w*|przyjet\w*"),
)

METHODS: Final[Words] = (
    ("cash_on_delivery", r"(cash|collect|pay\w*) on (delivery|collection)|cod"),
    ("cash_on_delivery", r"((platnosc|zaplata|gotowka) )?(przy|za) (odbior\w*|dostaw\w*|pobrani\w*)|pobrani\w*"),
    ("deferred", r"((kup teraz|buy now) )?(zaplac pozniej|pay later)|odroczon\w*|deferred"),
    ("p24", r"przelewy ?24|p24"),
    ("online", r"(online|szybk\w*|fast) (przelew\w*|transfer|payment\w*|platnosc\w*)|(przelew\w*|platnosc\w*) online"),
    ("online", r"online|((credit|debit) )?cards?|kart\w*( platnicz\w*| kredytow\w*)?"),
    ("transfer", r"((direct|traditional) )?(bank )?(wire|transfer)( payment)?|bankwire|bacs|przedplat\w*|prepayment"),
    ("transfer", r"((zwykl|tradycyjn|bankow)\w* )?przelew\w*( (zwykl|tradycyjn|bankow)\w*| na konto)*"),
    ("other", r"others?|inn[eya]"),
    ("locker", r"paczkomat\w*|parcel ?lockers?|lockers?|automat\w*( paczkow\w*)?|one box|packstation"),
    ("point", r"(odbior\w* w )?punk\w*( odbioru)?|(pick ?up|collection|service|access|parcel) points?|parcel ?shops?"),
    ("point", r"(?<=dpd )pickup"),
    ("in_person", r"odbior\w* (osobist\w*|wlasn\w*|w sklepie|w siedzibie)|osobist\w*"),
    ("in_person", r"(local|personal|store|in store) (pick ?up|collection)|pick ?up( in store)?|click (and )?collect"),
    ("letter", r"(list|przesylk\w*) polecon\w*|list\w*|polecon\w*|registered( letter| mail)?|letters?"),
    ("pallet", r"palet\w*|pallets?"),
    ("courier", r"(mini)?kurier\w*|couriers?|home delivery"),
    ("inpost", r"inpost|in post"),
    ("orlen", r"orlen( paczka)?|paczka w ruchu"),
    ("pocztex", r"pocztex\w*"),
    ("poczta_polska", r"poczt\w* polsk\w*|poczt\w*|polish post"),
)

GROUPS: Final = (
    frozenset(concept for concept, _ in STATUSES),
    frozenset({"cash_on_delivery", "deferred", "online", "transfer"}),
    frozenset({"locker", "point", "in_person", "letter", "pallet", "courier"}),
    frozenset({"inpost", "orlen", "pocztex", "poczta_polska", "dpd", "dhl", "ups", "gls", "fedex", "packeta", "geis"}),
)
"""Of each of these groups a thing is one: what is sent by DPD is not sent by UPS."""

BRANDS: Final = MappingProxyType(
    {
        **dict.fromkeys(("p24", "payu", "paypal", "tpay", "dotpay", "stripe", "blik", "paynow", "imoje"), "online"),
        **dict.fromkeys(("paypo", "klarna", "twisto"), "deferred"),
    }
)
"""Names that stay what they are, and say a concept besides."""

NEXT_BEST: Final = MappingProxyType({"sent": "completed", "delivered": "completed", "paid": "packing"})
"""What stands for a status in a shop that has no such one: WooCommerce knows neither sent nor delivered."""

SAYS_NOTHING: Final = frozenset(
    {"allegro", "smart", "polska", "poland", "status", "method", "metoda", "order", "zamowienie", "zamowienia"}
    | {"delivery", "dostawa", "dostawy", "wysylka", "wysylki", "przesylka", "shipping", "shipment"}
    | {"payment", "platnosc", "platnosci", "do", "na", "od", "po", "lub", "oraz"}
    | {"the", "of", "for", "by", "via", "with", "and"}
)
"""Words that stand in names of every kind, and tell none of them apart."""

BY_KIND: Final = MappingProxyType({ChoiceKind.STATUSES: STATUSES})
"""Which words mean something in a list of this kind; those of `METHODS` in every other."""
