"""What a seller writes about his Shopify shop in config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from orderferry import Secret, Settings, Url


class ShopifySettings(Settings, frozen=True, kw_only=True):
    """`url` is the shop's own address at Shopify, https://NAME.myshopify.com.

    The app proves itself by an `access_token`, or by `client_id` and `client_secret` (Dev Dashboard), with which a
    token is fetched for a day at a time. `oversell` claims stock that is not there too: the sale has happened already.
    Attributes of an order: `tax_id_keys` and `pickup_point_keys` all receive the value, the first one that is there is
    read back. `tax_percent` is taken where the marketplace tells no rate. `status_tag` begins the tags that stand for
    statuses, `tags` are given to every order that is added.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "url": "the shop's own address at Shopify: https://NAME.myshopify.com",
            "access_token": "the token of an app that was made in the shop's panel; it begins with shpat_",
            "client_id": "of an app of the Dev Dashboard, with client_secret, in the place of access_token",
            "client_secret": "its client secret",
            "oversell": "false refuses an order for which stock is missing",
            "send_email": "false if the shop must not know the buyer's e-mail address",
            "send_receipt": "true lets Shopify mail the buyer an order confirmation",
            "notify_shipment": "true lets Shopify mail the buyer when a parcel is told",
            "tax_title": "how the tax is called on an order's lines",
            "tax_percent": "the tax rate where the marketplace tells none",
            "tax_id_keys": "additional details that receive the buyer's tax number",
            "pickup_point_keys": "additional details that receive the parcel locker's code",
            "delivery_name": "what the delivery is called, where its own name is not known",
            "status_tag": "how the tags begin that stand for statuses",
            "tags": "tags that every added order gets",
        }
    )

    url: Url
    access_token: Secret | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    oversell: bool = True
    send_email: bool = True
    send_receipt: bool = False
    notify_shipment: bool = False
    tax_title: str = "VAT"
    tax_percent: int | None = None
    tax_id_keys: tuple[str, ...] = ("NIP",)
    pickup_point_keys: tuple[str, ...] = ("Pickup point",)
    delivery_name: str = "Delivery"
    status_tag: str = "status: "
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.access_token is None and (self.client_id is None or self.client_secret is None):
            raise ValueError("write access_token, or client_id and client_secret")
