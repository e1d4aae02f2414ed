"""What integration files answer, as loosely typed as PHP makes it, and how a body becomes a value.

Source: https://developers.baselinker.com/shops_api/ (one page for each action). Whatever a shop answers comes with HTTP
200, errors too; some files answer real statuses besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from orderferry import NeedsLogin, PlatformError, Rejected
from orderferry.php import Scalar, count, text, truth, without_notices

T = TypeVar("T")
LONGEST_ERROR = 10_000  # an error is short; a list of orders need not be read twice to see that it is none
OF_KEY = ("pass", "key", "auth", "401", "403")  # in the codes of errors that complain of the key


class Failure(Struct):
    """An error; `error` is there and true."""

    error: Scalar
    error_code: Scalar = None
    error_text: Scalar = None


class Version(Struct):
    """Which file this is."""

    platform: Scalar = None
    version: Scalar = None
    standard: Scalar = None


class Variant(Struct):
    """A variant of a product, or the product itself as the lists give it."""

    name: Scalar = None
    sku: Scalar = None
    ean: Scalar = None
    quantity: Scalar = None


class ProductAnswer(Variant):
    """A product with its variants, which PHP gives as an empty list where there are none."""

    variants: dict[str, Variant] | list[Variant] = []


class OrderLine(Struct):
    """A line of an order; `price` is gross, for a piece, `tax` in per cent."""

    id: Scalar = None
    variant_id: Scalar = None
    name: Scalar = None
    sku: Scalar = None
    ean: Scalar = None
    quantity: Scalar = None
    price: Scalar = None
    tax: Scalar = None


class OrderAnswer(Struct):
    """An order of `OrdersGet`."""

    date_add: Scalar = None
    status_id: Scalar = None
    currency: Scalar = None
    paid: Scalar = None
    user_comments: Scalar = None
    email: Scalar = None
    phone: Scalar = None
    client_login: Scalar = None
    want_invoice: Scalar = None
    payment_method: Scalar = None
    payment_method_cod: Scalar = None
    delivery_method: Scalar = None
    delivery_method_id: Scalar = None
    delivery_price: Scalar = None
    delivery_fullname: Scalar = None
    delivery_company: Scalar = None
    delivery_address: Scalar = None
    delivery_postcode: Scalar = None
    delivery_city: Scalar = None
    delivery_state_code: Scalar = None
    delivery_country_code: Scalar = None
    delivery_point_id: Scalar = None
    delivery_point_name: Scalar = None
    delivery_point_address: Scalar = None
    delivery_point_postcode: Scalar = None
    delivery_point_city: Scalar = None
    invoice_fullname: Scalar = None
    invoice_company: Scalar = None
    invoice_nip: Scalar = None
    invoice_address: Scalar = None
    invoice_postcode: Scalar = None
    invoice_city: Scalar = None
    invoice_state_code: Scalar = None
    invoice_country_code: Scalar = None
    products: list[OrderLine] = []


class Orders(Struct, frozen=True):
    """An answer of `OrdersGet`: each order still raw, by its id; `pages` is 0 where the shop does not tell."""

    raws: Mapping[str, msgspec.Raw]
    pages: int


def reader(action: str, shape: type[T]) -> Callable[[bytes], T]:
    """A `decode` for `orderferry.http`; an error of the shop is raised as what it means."""
    decoder = msgspec.json.Decoder(shape)

    def read(body: bytes) -> T:
        plain = without_notices(body)
        if (refused := refusal(plain, action)) is not None:
            raise refused
        return decoder.decode(plain)

    return read


_whole: msgspec.json.Decoder[dict[str, Any] | list[Any]] = msgspec.json.Decoder(dict[str, Any] | list[Any])


def whole(action: str) -> Callable[[bytes], dict[str, Any] | list[Any]]:
    """A `decode` for answers that are a map, or a list where PHP has nothing to map."""

    def read(body: bytes) -> dict[str, Any] | list[Any]:
        plain = without_notices(body)
        if (refused := refusal(plain, action)) is not None:
            raise refused
        return _whole.decode(plain)

    return read


def refusal(body: bytes, action: str) -> PlatformError | None:
    """The error that an answer tells, None where it tells none."""
    failure = failure_in(body)
    if failure is None:
        return None
    code = text(failure.error_code).casefold()
    said = f"the shop refused {action}: {_sentence(failure)}"
    return NeedsLogin(said) if any(part in code for part in OF_KEY) else Rejected(said)


def explain(body: bytes) -> str | None:
    """The shop's own words out of an answer with an error's status; None where something else answered."""
    failure = failure_in(without_notices(body))
    return None if failure is None else _sentence(failure)


_failure = msgspec.json.Decoder(Failure)


def failure_in(body: bytes) -> Failure | None:
    """The error in a body."""
    if len(body) > LONGEST_ERROR or not body.startswith(b"{"):
        return None
    try:
        failure = _failure.decode(body)
    except msgspec.MsgspecError:
        return None
    return failure if truth(failure.error) else None


def _sentence(failure: Failure) -> str:
    return f"{text(failure.error_text)[:200] or 'no reason given'} ({text(failure.error_code)[:80] or 'no code'})"


_entries = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw])
_scalar = msgspec.json.Decoder(Scalar)


def entries(body: bytes) -> tuple[dict[str, msgspec.Raw], int]:
    """A map of id -> entry and the number of pages; PHP's empty list is an empty map, a list of things raises."""
    found = _entries.decode(body)
    if isinstance(found, list):
        if found:
            raise ValueError("a list where ids should be the keys")
        return {}, 0
    pages = count(_scalar.decode(found.pop("pages"))) if "pages" in found else 0
    return found, pages or 0


def read_orders(body: bytes) -> Orders:
    """Reads `OrdersGet`."""
    plain = without_notices(body)
    if (refused := refusal(plain, "OrdersGet")) is not None:
        raise refused
    raws, pages = entries(plain)
    return Orders(raws, pages)


_product = msgspec.json.Decoder(ProductAnswer)


def read_products(action: str) -> Callable[[bytes], dict[str, ProductAnswer]]:
    """Reads `ProductsList` or `ProductsData`."""

    def read(body: bytes) -> dict[str, ProductAnswer]:
        plain = without_notices(body)
        if (refused := refusal(plain, action)) is not None:
            raise refused
        raws, _ = entries(plain)
        return {key: _product.decode(raw) for key, raw in raws.items()}

    return read


def read_labels(action: str) -> Callable[[bytes], dict[str, str]]:
    """Reads one of the lists of id -> label."""
    decode = whole(action)

    def read(body: bytes) -> dict[str, str]:
        found = decode(body)
        pairs = found.items() if isinstance(found, dict) else ((str(key), one) for key, one in enumerate(found))
        return {key: str(label) for key, label in pairs if isinstance(label, str | int)}

    return read


def read_methods(body: bytes) -> frozenset[str]:
    """Reads `SupportedMethods`: a list of names, or a map whose values they are."""
    found = whole("SupportedMethods")(body)
    names = found.values() if isinstance(found, dict) else found
    return frozenset(name for name in names if isinstance(name, str))


def read_added(body: bytes) -> str | None:
    """The number of the order that `OrderAdd` made; None where the shop swallowed an error of its own.

    Crehler's Shopware extension answers `{"order_id": null}` or `[]` with status 200 whenever anything in it failed.
    """
    found = whole("OrderAdd")(body)
    number = found.get("order_id") if isinstance(found, dict) else None
    plain = "" if isinstance(number, bool) or not isinstance(number, str | int) else str(number).strip()
    return plain if plain not in {"", "0"} else None


def read_counter(body: bytes) -> int | None:
    """How many orders `OrderUpdate` says that it changed; None where the shop swallowed an error of its own."""
    found = whole("OrderUpdate")(body)
    counter = found.get("counter") if isinstance(found, dict) else None
    return count(counter) if isinstance(counter, str | int | float) else None
