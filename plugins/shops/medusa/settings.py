"""What a seller writes about his Medusa shop in config.toml."""

from __future__ import annotations

from orderferry import Secret, Settings, Url


class MedusaSettings(Settings, frozen=True, kw_only=True):
    """`url` is where Medusa's server answers; `api_key` a secret API key of it.

    Added orders belong to `region`, which sets their currency and taxes, and to `sales_channel`, whose stock locations
    they take from; `shipping_option` is the delivery where the seller's map has none. All three are Medusa's ids.
    `notify` lets the shop's own subscribers mail the buyer. Keys of metadata begin with `meta_prefix`.
    """

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
