"""What a seller writes about his WooCommerce shop in config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from orderferry import Secret, Settings, Url


class WooSettings(Settings, frozen=True, kw_only=True):
    """`url` is the shop's address; the keys come from WooCommerce > Settings > Advanced > REST API.

    `key_in_query` is for hosts that strip the Authorization header. Without `send_email` the shop never learns the
    buyer's e-mail address, and so mails him nothing. Keys of order meta: `tax_id_keys` and `pickup_point_keys` all
    receive the value, the first one that is there is read back; `tracking_key` holds the parcels where no tracking
    extension is active; `meta_prefix` begins the keys of our own notes. `delivery_method` and `payment_method` are the
    ids that an order gets where the seller's maps have no entry.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "url": "the shop's address, such as https://shop.example",
            "consumer_key": "a key from WooCommerce > Settings > Advanced > REST API, Read/Write; it begins with ck_",
            "consumer_secret": "the second half of the same key; it begins with cs_",
            "key_in_query": "true if the shop refuses good keys, because its host takes the Authorization header away",
            "send_email": "false if the shop must not know the buyer's e-mail address, and so can't mail him",
            "tax_id_keys": "where the shop's plugins look for the tax number (keys of order meta)",
            "pickup_point_keys": "where the shop's plugins look for the parcel locker (keys of order meta)",
            "tracking_key": "where the tracking numbers go (a key of order meta), without a tracking extension",
            "meta_prefix": "how the keys of the program's own notes in an order begin",
            "delivery_method": "the id of an order's delivery method, where none is mapped",
            "delivery_name": "what the delivery is called, where its own name is not known",
            "payment_method": "the id of an order's payment method, where none is mapped",
            "rounding_name": "what a line is called that makes the total right to the cent",
        }
    )

    url: Url
    consumer_key: Secret
    consumer_secret: Secret
    key_in_query: bool = False
    send_email: bool = True
    meta_prefix: str = "_orderferry_"
    tax_id_keys: tuple[str, ...] = ("_billing_nip",)
    pickup_point_keys: tuple[str, ...] = ("_parcel_machine_id",)
    tracking_key: str = "_orderferry_tracking"
    delivery_method: str = "other"
    delivery_name: str = "Delivery"
    payment_method: str = "other"
    rounding_name: str = "Rounding"
