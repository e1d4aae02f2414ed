"""What the seller's program is sent, by which signature, and what its answer means."""

from __future__ import annotations

import json

import msgspec
from orderferry import Parcel
from orderferry.testing.samples import forward_order

from orderferry_order_hook import mapping
from orderferry_order_hook.auth import signature
from orderferry_order_hook.client import Held
from orderferry_order_hook.client import Parcel as Told

ORDER = forward_order("of-1", skus=["MUG", "PEN"])


def sent() -> dict[str, object]:
    told: dict[str, object] = json.loads(msgspec.json.encode(mapping.body(ORDER)))
    return told


def test_amounts_are_text_to_the_cent() -> None:
    told = sent()
    assert (told["total"], told["currency"]) == ("52.01", "PLN")
    assert told["delivery"] | {"cost": "9.99"} == told["delivery"]  # type: ignore[operator] # JSON
    assert [line["total"] for line in told["lines"]] == ["13.34", "28.68"]  # type: ignore[attr-defined] # JSON


def test_a_signature_that_others_can_compute() -> None:
    r"""The value is that of `printf 'PUT\n/of-1\n{}' | openssl dgst -sha256 -hmac secret`."""
    assert signature("secret", "PUT", "/of-1", b"{}") == (
        "sha256=4b68958af341cc2377618cc8d8ae0754ccb63cee74516e056cd888aca52b57e5"
    )


def test_the_signature_is_of_all_that_matters() -> None:
    told = {
        signature(secret, method, path, body)
        for secret in ("a", "b")
        for method in ("PUT", "GET")
        for path in ("/1", "/2")
        for body in (b"", b"{}")
    }
    assert len(told) == 16


def test_only_a_parcel_that_is_missing_is_a_change() -> None:
    held = Held(reference="of-1", number="1", total="1.00", currency="PLN", parcels=[Told("InPost", "62")])
    assert mapping.all_parcels(held, [Parcel(carrier="InPost", number="62")]) is None
    assert mapping.all_parcels(held, [Parcel(carrier="DPD", number="63")]) == [
        {"carrier": "InPost", "number": "62"},
        {"carrier": "DPD", "number": "63"},
    ]
