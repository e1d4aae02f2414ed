"""The simulated shop's resources: their fields in its order, what each field takes, and what a new shop holds."""

from __future__ import annotations

import re
from typing import TypeAlias

Row: TypeAlias = dict[str, str]

ELEMENTS = {
    "addresses": "address",
    "carriers": "carrier",
    "carts": "cart",
    "combinations": "combination",
    "configurations": "configuration",
    "countries": "country",
    "currencies": "currency",
    "customers": "customer",
    "messages": "message",
    "order_carriers": "order_carrier",
    "order_histories": "order_history",
    "order_payments": "order_payment",
    "order_states": "order_state",
    "orders": "order",
    "products": "product",
    "shops": "shop",
    "specific_prices": "specific_price",
    "stock_availables": "stock_available",
    "tax_rules": "tax_rule",
    "taxes": "tax",
}

FIELDS = {
    resource: tuple(fields.split())
    for resource, fields in {
        "addresses": "id_customer id_manufacturer id_supplier id_warehouse id_country id_state alias company lastname "
        "firstname vat_number address1 address2 postcode city other phone phone_mobile dni deleted date_add date_upd",
        "carriers": "deleted is_module id_reference name active is_free url shipping_method",
        "carts": "id_address_delivery id_address_invoice id_currency id_customer id_guest id_lang id_shop_group "
        "id_shop id_carrier recyclable gift gift_message mobile_theme delivery_option secure_key "
        "allow_seperated_package date_add date_upd",
        "combinations": "id_product ean13 reference price minimal_quantity",
        "configurations": "value name id_shop_group id_shop date_add date_upd",
        "countries": "id_zone id_currency call_prefix iso_code active contains_states need_identification_number "
        "need_zip_code zip_code_format display_tax_label name",
        "currencies": "name iso_code numeric_iso_code precision conversion_rate deleted active unofficial modified",
        "customers": "id_default_group id_lang newsletter_date_add ip_registration_newsletter last_passwd_gen "
        "secure_key deleted passwd lastname firstname email id_gender birthday newsletter optin website company "
        "siret ape outstanding_allow_amount show_public_prices id_risk max_payment_days active note is_guest id_shop "
        "id_shop_group date_add date_upd reset_password_token reset_password_validity",
        "messages": "id_cart id_order id_customer id_employee message private date_add",
        "order_carriers": "id_order id_carrier id_order_invoice weight shipping_cost_tax_excl shipping_cost_tax_incl "
        "tracking_number date_add",
        "order_histories": "id_employee id_order_state id_order date_add",
        "order_payments": "order_reference id_currency amount payment_method conversion_rate transaction_id "
        "card_number card_brand card_expiration card_holder date_add id_employee",
        "order_states": "delivery send_email module_name invoice logable shipped paid deleted name",
        "orders": "id_address_delivery id_address_invoice id_cart id_currency id_lang id_customer id_carrier "
        "current_state module invoice_number invoice_date delivery_number delivery_date valid date_add date_upd "
        "shipping_number note id_shop_group id_shop secure_key payment recyclable gift gift_message mobile_theme "
        "total_discounts total_discounts_tax_incl total_discounts_tax_excl total_paid total_paid_tax_incl "
        "total_paid_tax_excl total_paid_real total_products total_products_wt total_shipping total_shipping_tax_incl "
        "total_shipping_tax_excl carrier_tax_rate total_wrapping total_wrapping_tax_incl total_wrapping_tax_excl "
        "round_mode round_type conversion_rate reference",
        "products": "id_tax_rules_group cache_default_attribute type reference ean13 state price active "
        "available_for_order is_virtual name",
        "shops": "id_shop_group id_category active deleted name color theme_name",
        "specific_prices": "id_shop_group id_shop id_cart id_product id_product_attribute id_currency id_country "
        "id_group id_customer id_specific_price_rule price from_quantity reduction reduction_tax reduction_type from "
        "to",
        "stock_availables": "id_product id_product_attribute id_shop id_shop_group quantity depends_on_stock "
        "out_of_stock location",
        "tax_rules": "id_tax_rules_group id_state id_country zipcode_from zipcode_to id_tax behavior description",
        "taxes": "rate active deleted name",
    }.items()
}

REQUIRED = {
    "addresses": ("id_country", "alias", "lastname", "firstname", "address1", "city"),
    "carts": ("id_currency", "id_lang"),
    "customers": ("passwd", "lastname", "firstname", "email"),
    "messages": ("message",),
    "order_histories": ("id_order_state", "id_order"),
    "order_payments": ("id_currency", "amount"),
    "orders": (
        "id_address_delivery",
        "id_address_invoice",
        "id_cart",
        "id_currency",
        "id_lang",
        "id_customer",
        "id_carrier",
        "module",
        "payment",
        "total_paid",
        "total_paid_real",
        "total_products",
        "total_products_wt",
        "conversion_rate",
    ),
    "specific_prices": (
        "id_shop",
        "id_cart",
        "id_product",
        "id_currency",
        "id_country",
        "id_group",
        "id_customer",
        "price",
        "from_quantity",
        "reduction",
        "reduction_tax",
        "reduction_type",
        "from",
        "to",
    ),
}

_PRICE = re.compile(r"[0-9]{1,10}(\.[0-9]{1,9})?")
_CUSTOMER_NAME = re.compile(r"(?:[^0-9!<>,;?=+()/\\@#\"°*`{}_^$%:¤\[\]|.]|\.(?=\s|$))*")
_NAME = re.compile(r"[^0-9!<>,;?=+()@#\"°{}_$%:¤|]*")
_GENERIC = re.compile(r"[^<>={}]*")
_STREET = re.compile(r"[^!<>?=+@{}_$%]*")
FORMATS = {
    "addresses": {
        "alias": _GENERIC,
        "company": _GENERIC,
        "lastname": _NAME,
        "firstname": _NAME,
        "vat_number": _GENERIC,
        "address1": _STREET,
        "address2": _STREET,
        "postcode": re.compile(r"[a-zA-Z 0-9-]*"),
        "city": re.compile(r"[^!<>;?=+@#\"°{}_$%]*"),
        "other": re.compile(r"[^<>{}]*"),
        "phone": re.compile(r"[+0-9. ()/-]*"),
        "dni": re.compile(r"[0-9A-Za-z.-]{0,16}"),
    },
    "customers": {
        "lastname": _CUSTOMER_NAME,
        "firstname": _CUSTOMER_NAME,
        "email": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    },
    "order_carriers": {"tracking_number": re.compile(r"[~:#,%&_=()\[\].? +@/a-zA-Z0-9-]*")},
    "order_payments": {"amount": _PRICE, "payment_method": _GENERIC},
    "orders": {
        "payment": _GENERIC,
        "total_paid": _PRICE,
        "total_paid_real": _PRICE,
        "total_products": _PRICE,
        "total_products_wt": _PRICE,
    },
    "specific_prices": {"price": re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,9})?")},
}
LONGEST = {
    "addresses": {
        "alias": 32,
        "company": 255,
        "address1": 128,
        "address2": 128,
        "postcode": 12,
        "city": 64,
        "phone": 32,
    },
    "customers": {"lastname": 255, "firstname": 255, "email": 255},
}

_STATES = (  # id, name, delivery, mail, module, invoice, logable, shipped, paid
    (2, "Payment accepted", 0, 1, "", 1, 1, 0, 1),
    (3, "Processing in progress", 1, 1, "", 1, 1, 0, 1),
    (4, "Shipped", 1, 1, "", 1, 1, 1, 1),
    (5, "Delivered", 1, 0, "", 1, 1, 1, 1),
    (6, "Canceled", 0, 1, "", 0, 0, 0, 0),
    (7, "Refunded", 0, 1, "", 1, 0, 0, 0),
    (8, "Payment error", 0, 1, "", 0, 0, 0, 0),
    (9, "On backorder (paid)", 0, 1, "", 1, 0, 0, 1),
    (11, "Remote payment accepted", 0, 1, "", 1, 1, 0, 1),
    (12, "On backorder (not paid)", 0, 1, "", 0, 0, 0, 0),
    (13, "Awaiting Cash On Delivery validation", 0, 0, "ps_cashondelivery", 0, 0, 0, 0),
    (1, "Awaiting check payment", 0, 1, "ps_checkpayment", 0, 0, 0, 0),
    (10, "Awaiting bank wire payment", 0, 1, "ps_wirepayment", 0, 0, 0, 0),
)
CONFIGURED = {
    "PS_CURRENCY_DEFAULT": "1",
    "PS_GUEST_GROUP": "2",
    "PS_LANG_DEFAULT": "1",
    "PS_ORDER_OUT_OF_STOCK": "0",
    "PS_OS_BANKWIRE": "10",
    "PS_OS_CANCELED": "6",
    "PS_OS_COD_VALIDATION": "13",
    "PS_OS_ERROR": "8",
    "PS_OS_PAYMENT": "2",
    "PS_OS_REFUND": "7",
    "PS_OS_WS_PAYMENT": "11",
    "PS_PRICE_ROUND_MODE": "2",
    "PS_ROUND_TYPE": "2",
    "PS_SHOP_DEFAULT": "1",
    "PS_STOCK_MANAGEMENT": "1",
    "PS_TAX": "1",
    "PS_TAX_ADDRESS_TYPE": "id_address_delivery",
    "PS_TIMEZONE": "Europe/Warsaw",
    "PS_VERSION_DB": "8.2.1",
}
_CARRIERS = (  # id, name, active, free, shipping method
    (1, "Click and collect", 1, 1, 1),
    (2, "My carrier", 1, 0, 1),
    (3, "My cheap carrier", 0, 0, 2),
    (4, "My light carrier", 0, 0, 1),
    (5, "InPost Paczkomaty 24/7", 1, 0, 2),
    (6, "Kurier InPost", 1, 0, 2),
)
_TRACKED = "https://inpost.pl/sledzenie-przesylek?number=@"


def beginning() -> dict[str, list[Row]]:
    """What the shop of the recordings holds before its first product."""
    return {
        "order_states": [
            _row(
                id=number,
                name=name,
                delivery=delivery,
                send_email=mail,
                module_name=module,
                invoice=invoice,
                logable=logable,
                shipped=shipped,
                paid=paid,
                deleted=0,
            )
            for number, name, delivery, mail, module, invoice, logable, shipped, paid in _STATES
        ],
        "carriers": [
            _row(
                id=number,
                deleted=0,
                is_module=0,
                id_reference=number,
                name=name,
                active=active,
                is_free=free,
                url=_TRACKED if number > 4 else "",
                shipping_method=method,
            )
            for number, name, active, free, method in _CARRIERS
        ],
        "countries": [
            _country(14, "PL", "Poland", 1),
            _country(1, "DE", "Germany", 1),
            _country(24, "AU", "Australia", 0),
        ],
        "currencies": [
            _row(
                id=1,
                name="Polish Zloty",
                iso_code="PLN",
                numeric_iso_code=985,
                precision=2,
                conversion_rate="1.000000",
                deleted=0,
                active=1,
                unofficial=0,
                modified=0,
            )
        ],
        "shops": [
            _row(
                id=1,
                id_shop_group=1,
                id_category=2,
                active=1,
                deleted=0,
                name="SklepTestowy",
                color="",
                theme_name="classic",
            )
        ],
        "taxes": [
            _row(id=number, rate=f"{rate}.000", active=1, deleted=0, name=name)
            for number, rate, name in ((1, 23, "PTU PL 23%"), (2, 8, "PTU PL 8%"), (10, 19, "MwSt. DE 19%"))
        ],
        "tax_rules": [
            _rule(1, 1, 14, 1),
            _rule(2, 2, 14, 2),
            _rule(3, 1, 1, 10),
        ],
        "configurations": [
            _row(id=number, name=name, value=value) for number, (name, value) in enumerate(CONFIGURED.items(), start=1)
        ],
    }


def abroad() -> dict[str, list[Row]]:
    """What a shop holds besides that sells for euros too, and to France and Italy."""
    euro = dict(beginning()["currencies"][0], id="2", name="Euro", iso_code="EUR", numeric_iso_code="978")
    return {
        "currencies": [{**euro, "conversion_rate": "0.230000"}],
        "countries": [_country(8, "FR", "France", 1), _country(10, "IT", "Italy", 1)],
        "taxes": [
            _row(id=number, rate=f"{rate}.000", active=1, deleted=0, name=name)
            for number, rate, name in ((11, 20, "TVA FR 20%"), (12, 22, "IVA IT 22%"))
        ],
        "tax_rules": [_rule(4, 1, 8, 11), _rule(5, 1, 10, 12)],
    }


def _country(number: int, code: str, name: str, active: int) -> Row:
    return _row(id=number, iso_code=code, name=name, active=active, contains_states=0, need_identification_number=0)


def _rule(number: int, group: int, country: int, tax: int) -> Row:
    return _row(
        id=number,
        id_tax_rules_group=group,
        id_state=0,
        id_country=country,
        zipcode_from=0,
        zipcode_to=0,
        id_tax=tax,
        behavior=0,
        description="",
    )


def _row(**fields: object) -> Row:
    return {name: str(value) for name, value in fields.items()}
