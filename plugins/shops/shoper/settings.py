"""What a seller writes about his Shoper shop in config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from orderferry import Duration, Secret, Settings, Url


class ShoperSettings(Settings, frozen=True, kw_only=True):
    """`url` is the shop's address; the way in is a `token` from the panel, or an administrator's name and password.

    The shop has no order without a status, a payment and a delivery method: `status`, `payment_method` and
    `delivery_method` are its ids where nothing is mapped. It has none without a customer either: one is made for each
    buyer, unless `user` names one customer for all. `neutral_email` and `neutral_phone` stand where the buyer gave
    none, the address also where `send_email` withholds his. `look_back` is how far the second look for payments
    reaches, and `sweep_every` how often it is made.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "url": "the shop's address",
            "token": "an access token from the shop's panel; without it, login and password",
            "login": "an administrator with access to the webapi, where there is no token",
            "password": "his password",
            "status": "the id of a new order's status, where none is mapped",
            "payment_method": "the id of the payment method, where none is mapped",
            "delivery_method": "the id of the delivery method, where none is mapped",
            "user": "the id of one customer to whom all orders belong; without it one is made for each buyer",
            "send_email": "false if the shop must not know the buyer's e-mail address",
            "neutral_email": "the address of orders without one, as Shoper takes none without",
            "neutral_phone": "the phone number of orders without one, likewise",
            "look_back": "how far back payments are looked for a second way",
            "sweep_every": "how often that look is made",
        }
    )

    url: Url
    token: Secret | None = None
    login: str = ""
    password: Secret | None = None
    status: str = ""
    payment_method: str = ""
    delivery_method: str = ""
    user: str = ""
    send_email: bool = True
    neutral_email: str = ""
    neutral_phone: str = ""
    look_back: Duration = Duration(days=14)
    sweep_every: Duration = Duration(hours=6)

    def __post_init__(self) -> None:
        """Refuses a shop without a way in, or with two."""
        by_password = bool(self.login) and self.password is not None
        if (self.token is not None) == by_password or bool(self.login) != (self.password is not None):
            raise ValueError("write either token, or login and password")
