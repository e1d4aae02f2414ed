"""What a seller writes about his PrestaShop in config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from orderferry import Secret, Settings, Url


class PrestaSettings(Settings, frozen=True, kw_only=True):
    """`url` is the shop's address; the key comes from Advanced Parameters > Webservice.

    `key_in_query` is for hosts that strip the Authorization header, `id_shop` chooses one of several shops of one
    installation (0: its first). Without `send_email` the shop gets an address that can't receive anything, and so mails
    the buyer nothing. `carrier` is the carrier (its id_reference) where the seller's map has no entry. Two products of
    the seller stand in, by their reference: `delivery_product` carries the delivery cost, `other_product` a line whose
    goods the shop doesn't know. `payment_module` and `cod_module` are the technical names of active payment modules
    where the map has no entry; `payment_name` is the text of the payment where nothing may be told of it.
    `unpaid_status` and `cod_status` are the states (their ids) that an unpaid and a cash-on-delivery order gets instead
    of one that claims a payment; empty: the shop's own states for bank wire and cash on delivery.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "url": "the shop's address",
            "key": "a key from Advanced Parameters > Webservice",
            "key_in_query": "true if the shop refuses a good key, because its host takes the Authorization header away",
            "id_shop": "which shop of a multistore; 0 is its default shop",
            "send_email": "false: the shop gets an address that can't receive mail, and so mails the buyer nothing",
            "carrier": "the id_reference of the carrier, where none is mapped",
            "delivery_product": "the reference of the product that carries the delivery cost",
            "other_product": "the reference of the product that stands for goods that the shop doesn't know",
            "payment_module": "the technical name of an active payment module, where none is mapped",
            "cod_module": "likewise, for cash on delivery",
            "payment_name": "the payment's text where nothing may be told of it",
            "unpaid_status": "the id of the state of orders that are not paid, if not the shop's own",
            "cod_status": "likewise, for cash on delivery",
        }
    )

    url: Url
    key: Secret
    key_in_query: bool = False
    id_shop: int = 0
    send_email: bool = True
    carrier: str = ""
    delivery_product: str = "DELIVERY"
    other_product: str = ""
    payment_module: str = "ps_wirepayment"
    cod_module: str = "ps_cashondelivery"
    payment_name: str = "Marketplace"
    unpaid_status: str = ""
    cod_status: str = ""
