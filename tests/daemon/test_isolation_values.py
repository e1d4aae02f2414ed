"""What goes between two processes is the same on both sides; and what is not, is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.core.answers import checked, signature
from daemon.core.retry import PluginBugError
from daemon.isolation.peer import NOTHING
from daemon.isolation.values import decode_answer, decode_arguments, decode_settings, encode, encode_arguments
from orderferry import (
    CheckReport,
    Choice,
    Duration,
    ForwardOrder,
    MalformedOrder,
    Page,
    Secret,
    Settings,
    ShopOrder,
    Url,
)
from orderferry.loading import HOOKS
from orderferry.testing.samples import forward_order
from orderferry.testing.strategies import forward_orders, orders
from tests.daemon.engine import order

FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])  # a whole order takes long to draw


class Nested(msgspec.Struct, frozen=True):
    secret: Secret
    files: tuple[Path, ...] = ()


class Every(Settings, frozen=True, kw_only=True):
    secret: Secret
    url: Url
    every: Duration
    nested: Nested
    table: Mapping[str, Secret]
    file: Path | None = None
    size: int = 3


def test_settings_of_every_kind_come_through() -> None:
    written = Every(
        secret=Secret("ß"),
        url=Url("https://shop.example/x"),
        every=Duration(hours=1.5),
        nested=Nested(Secret("inner"), (Path("/a"), Path("b"))),
        table={"one": Secret("1")},
        file=Path("/etc/x"),
    )
    again = decode_settings(encode(written), Every)
    assert again == written
    assert isinstance(again, Every)
    assert type(again.url) is Url
    assert type(again.every) is Duration


@FEW
@given(st.lists(orders(), max_size=2), st.text(max_size=20).filter(str.isprintable), st.booleans())
def test_a_page_comes_through_whole(fetched: list[Any], cursor: str, more: bool) -> None:
    page = Page(orders=tuple(fetched), cursor=cursor, more=more)
    assert decode_answer("fetch_orders", msgspec.Raw(encode(checked("fetch_orders", page)))) == page


@FEW
@given(forward_orders())
def test_a_forward_order_comes_through_whole(told: ForwardOrder) -> None:
    body = msgspec.Raw(encode_arguments("find_purchase", {"order": told}))
    assert decode_arguments("find_purchase", body) == {"order": told}


def test_arguments_come_through_without_callbacks() -> None:
    told = forward_order("r-1", skus=("S-1",))
    body = msgspec.Raw(encode_arguments("add_order", {"order": told, "progress": Saved("cart")}))
    assert decode_arguments("add_order", body) == {"order": told, "progress": "cart"}
    body = msgspec.Raw(encode_arguments("login", {"show": print, "ask": print, "refresh_token": None}))
    assert decode_arguments("login", body) == {"refresh_token": None}


class Saved:
    def __init__(self, value: str) -> None:
        self.value = value

    async def save(self, text: str) -> None:
        self.value = text


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_signature_that_can_be_told(hook: str) -> None:
    assert "return" in signature(hook)
    with pytest.raises((msgspec.MsgspecError, AssertionError)):
        assert decode_arguments(hook, msgspec.Raw(NOTHING)) is None
    if hook in {"set_status", "set_payment", "set_tracking", "send_mail"}:
        assert checked(hook, "anything") is None


WRONG: dict[str, tuple[str, Any]] = {
    "a number for a text": ("find_order", ShopOrder(id=7, number="7")),  # type: ignore[arg-type] # that is what is tested
    "a table for a value": ("find_order", {"id": "7", "number": "7"}),
    "a report of nothing": ("check", None),
    "a list of texts": ("list_choices", ["new"]),
    "a missing of numbers": ("check", CheckReport(summary="x", missing={"add_order": 1})),  # type: ignore[dict-item] # that is what is tested
    "no text": ("login", 7),
    "half a letter": ("login", "\ud800"),
    "no page": ("fetch_orders", None),
    "a cursor of bytes": ("fetch_orders", Page(cursor=b"x")),  # type: ignore[arg-type] # that is what is tested
    "orders of nothing": ("fetch_orders", Page(cursor="x", orders=None)),  # type: ignore[arg-type] # that is what is tested
    "more of a text": ("fetch_orders", Page(cursor="x", more="yes")),  # type: ignore[arg-type] # that is what is tested
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_answer_is_a_bug_of_the_plugin(what: str) -> None:
    hook, answer = WRONG[what]
    with pytest.raises(PluginBugError, match=f"its `{hook}` answered a .* that is not what the contract says"):
        checked(hook, answer)


def test_a_right_answer_stays_what_it_is() -> None:
    whole = ShopOrder(id="7", number="7", warnings=("one",))
    assert checked("find_order", whole) == whole
    assert checked("find_order", None) is None
    assert checked("list_choices", [Choice(id="a", title="A")]) == (Choice(id="a", title="A"),)


FIELDS = ("external_id", "buyer", "lines", "delivery", "payment", "ordered_at", "total", "shipped", "comment", "stage")


@FEW
@given(st.sampled_from(FIELDS), st.one_of(st.integers(), st.floats(), st.binary(), st.lists(st.integers())), orders())
def test_an_order_typed_wrongly_is_parked_alone(field: str, value: Any, neighbour: Any) -> None:
    spoilt = order(3)
    msgspec.structs.force_setattr(spoilt, field, value)
    page = checked("fetch_orders", Page(orders=(spoilt, neighbour), cursor="x"))
    assert neighbour in page.orders
    for entry in page.malformed:
        assert isinstance(entry, MalformedOrder)
        assert "the plugin's Order is not what the contract says" in entry.reason
    assert len(page.orders) + len(page.malformed) == 2
    good = [one for one in page.orders if one is not neighbour]
    assert all(isinstance(one.ordered_at, datetime) and isinstance(one.external_id, str) for one in good)


def test_a_table_of_an_immutable_kind_can_be_told() -> None:
    told = msgspec.structs.replace(forward_order("r", skus=("S-1",)), fields=MappingProxyType({"key": "value"}))
    body = msgspec.Raw(encode_arguments("find_purchase", {"order": told}))
    assert decode_arguments("find_purchase", body)["order"].fields == {"key": "value"}
