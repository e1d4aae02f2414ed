"""What a seller writes about his PrestaShop in config.toml."""

from __future__ import annotations

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
