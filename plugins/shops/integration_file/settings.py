"""What a seller writes about a shop with an integration file in config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from orderferry import Duration, Secret, Settings, Url


class FileSettings(Settings, frozen=True, kw_only=True):
    """`url` and `path` together are the file's address, `key` the key that stands in it.

    `unique_numbers` says that the shop answers the order that it has when the same number is sent again; `number_base`
    is added to the hub's numbers, so that a store that began anew does not meet its old ones. `look_back` is how far
    each fetch reaches, `cancelled_statuses` are the shop's statuses of orders that are called off. `currency` and
    `country` stand where the shop tells none, `delivery_method` and `payment_method` are the shop's ids where nothing
    is mapped. Without `send_email` the shop never learns the buyer's e-mail address.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "url": "the integration file's address",
            "key": "the communication key that stands in the file or in its settings",
            "path": "what comes behind the address, where it ends with / or with ? and more",
            "send_email": "false if the shop must not know the buyer's e-mail address",
            "unique_numbers": "true where the shop answers the order that it has when the same number is sent again",
            "number_base": "added to the hub's numbers, for a hub that began anew",
            "delivery_method": "the shop's id of the delivery method, where none is mapped",
            "payment_method": "the shop's id of the payment method, where none is mapped",
            "cancelled_statuses": "the shop's statuses of orders that are called off",
            "look_back": "how far back each fetch reads",
            "currency": "of orders whose currency the shop does not tell",
            "country": "of addresses whose country the shop does not tell",
        }
    )

    url: Url
    key: Secret
    path: str = ""
    send_email: bool = True
    unique_numbers: bool = False
    number_base: int = 0
    delivery_method: str = ""
    payment_method: str = ""
    cancelled_statuses: tuple[str, ...] = ()
    look_back: Duration = Duration(days=14)
    currency: str = "PLN"
    country: str = "PL"
