"""What a seller writes about his Medusa shop in config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from orderferry import Secret, Settings, Url


class MedusaSettings(Settings, frozen=True, kw_only=True):
    """`url` is where Medusa's server answers; `api_key` a secret API key of it.

    Added orders belong to `region`, which sets their currency and taxes, and to `sales_channel`, whose stock locations
    they take from; `shipping_option` is the delivery where the seller's map has none. All three are Medusa's ids.
    `notify` lets the shop's own subscribers mail the buyer. Keys of metadata begin with `meta_prefix`.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "url": "the address of Medusa's server",
            "api_key": "a secret API key (Medusa Admin: Settings > Developer > Secret API Keys); it begins with sk_",
            "region": "the region that orders belong to: the end of its page's address, reg_...",
            "sales_channel": "the sales channel of marketplace orders, from whose stock locations they take: sc_...",
            "shipping_option": "the shipping option of marketplace parcels, where none is mapped: so_...",
            "notify": "true lets the shop's own subscribers mail the buyer",
            "send_email": "false if the shop must not know the buyer's e-mail address",
            "meta_prefix": "how the keys of the program's own notes in an order begin",
            "tax_id_keys": "metadata that receives the buyer's tax number",
            "pickup_point_keys": "metadata that receives the parcel locker's code",
            "delivery_name": "what the delivery is called, where its own name is not known",
        }
    )

    url: Url
    api_key: Secret
    region: str
    sales_channel: str
    shipping_option: str
    notify: bool = False
    send_email: bool = True
    meta_prefix: str = "orderferry_"
    tax_id_keys: tuple[str, ...] = ("tax_id",)
    pickup_point_keys: tuple[str, ...] = ("pickup_point",)
    delivery_name: str = "Delivery"
