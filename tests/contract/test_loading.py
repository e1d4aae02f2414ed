"""Flags, hooks and errors: a class that contradicts itself is told in which sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import pluggy
import pytest

from orderferry import (
    Capability,
    ForwardOrder,
    Malformed,
    NeedsLogin,
    OrderRef,
    Page,
    Parcel,
    Platform,
    PlatformError,
    Progress,
    RateLimited,
    Rejected,
    Role,
    ShopOrder,
    Unavailable,
    Unsure,
    hookimpl,
)
from orderferry.capability import HOOK_FLAGS, OPERATIONS, names
from orderferry.hooks import PROJECT
from orderferry.loading import HOOKS, disagreements, implements
from orderferry.testing.example import TinyMarket, TinyShop


def test_a_sound_platform_has_no_disagreements() -> None:
    assert disagreements(TinyShop) == ()
    assert disagreements(TinyMarket) == ()


def test_a_flag_without_its_hook() -> None:
    class Promises(TinyMarket):
        capabilities = TinyMarket.capabilities | Capability.ADD_ORDER

    assert disagreements(Promises) == ("promises add_order, but does not implement `add_order`",)


def test_a_hook_without_its_flag() -> None:
    class Hides(TinyShop):
        capabilities = TinyShop.capabilities & ~(Capability.FIND_ORDER | Capability.LIST_STATUSES)

    assert disagreements(Hides) == (
        "implements `find_order`, but declares none of find_order",
        "implements `list_choices`, but declares none of list_statuses, list_payments, list_deliveries, list_carriers",
    )


def test_a_hook_without_its_mark() -> None:
    class Unmarked(TinyShop):
        async def find_order(self, reference: str, since: datetime) -> ShopOrder | None: ...

    assert disagreements(Unmarked) == ("`find_order` is not marked with @hookimpl, so it would never be asked",)


def test_a_hook_with_other_arguments() -> None:
    class Renamed(TinyShop):
        @hookimpl
        async def find_order(self, ref: str, since: datetime) -> ShopOrder | None: ...

    class Fewer(TinyShop):
        @hookimpl
        async def add_order(self, order: ForwardOrder) -> ShopOrder:  # type: ignore[override]  # likewise
            raise NotImplementedError

    why = "a mistake, or made for another version of it"
    assert disagreements(Renamed) == (
        f"`find_order` takes (ref, since), but the contract says (reference, since): {why}",
    )
    assert disagreements(Fewer) == (f"`add_order` takes (order), but the contract says (order, progress): {why}",)


def test_a_hook_that_is_not_async() -> None:
    class Blocking(TinyShop):
        @hookimpl
        def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None: ...  # type: ignore[override]  # likewise

    assert disagreements(Blocking) == ("`set_tracking` must be `async def`",)


def test_a_hook_that_is_no_method() -> None:
    class Odd(TinyShop):
        fetch_orders = None  # type: ignore[assignment]  # likewise

    assert disagreements(Odd) == ("`fetch_orders` is no method",)


def test_a_mark_on_what_is_no_hook() -> None:
    class Stray(TinyShop):
        @hookimpl
        async def fetch_order(self, cursor: str | None) -> Page:
            raise NotImplementedError

    assert disagreements(Stray) == ("`fetch_order` is marked with @hookimpl, but the contract has no such hook",)


def test_a_platform_without_check_or_attributes() -> None:
    class Bare(Platform[Any]):
        pass

    told = " / ".join(disagreements(Bare))
    for part in ("`id` must be a str", "`title`", "`role` must be a Role", "`capabilities`", "`Settings`"):
        assert part in told

    class Named(Platform[Any]):
        id, title, role, capabilities = "", "Named", Role.SHOP, Capability.NONE
        Settings = TinyShop.Settings

    assert disagreements(Named) == ("`id` is empty", "does not implement `check`, which every platform must have")


def test_every_hook_of_the_contract_is_known_and_every_operation_has_one() -> None:
    specified = {name for name in dir(Platform) if hasattr(getattr(Platform, name), f"{PROJECT}_spec")}
    assert specified == set(HOOKS)
    flags = Capability.NONE
    for flag in HOOK_FLAGS.values():
        assert not flags & flag, "a flag stands for one hook"
        flags |= flag
    assert flags == OPERATIONS
    assert not any(implements(Platform, hook) for hook in HOOKS)


def test_pluggy_takes_the_contract_and_finds_every_hook_of_a_platform() -> None:
    registry = pluggy.PluginManager(PROJECT)
    registry.add_hookspecs(Platform)
    shop = TinyShop.__new__(TinyShop)
    registry.register(shop, "account:shop")
    registry.check_pending()
    assert sorted(caller.name for caller in cast("list[Any]", registry.get_hookcallers(shop))) == sorted(
        hook for hook in HOOKS if implements(TinyShop, hook)
    )


def test_names_are_lower_case_and_in_order() -> None:
    assert names(Capability.NONE) == ()
    assert names(Capability.FIND_ORDER | Capability.ADD_ORDER) == ("add_order", "find_order")
    assert len(names(~Capability.NONE)) == len(Capability)


@pytest.mark.parametrize("cls", [PlatformError, Unavailable, RateLimited, Unsure, NeedsLogin, Rejected, Malformed])
def test_an_error_without_a_message_says_its_class_contract(cls: type[PlatformError]) -> None:
    assert cls.__doc__
    assert str(cls()) == cls.__doc__.splitlines()[0]
    assert str(cls("why")) == "why"
    assert issubclass(cls, PlatformError)


def test_errors_carry_what_the_daemon_needs() -> None:
    assert Unavailable("x").retry_after is None
    assert RateLimited("x", retry_after=3).retry_after == 3
    assert issubclass(RateLimited, Unavailable)
    assert not issubclass(Unsure, Unavailable), "a doubt is never 'nothing was changed'"
    assert issubclass(Malformed, ValueError), "so that msgspec reports it with its place"


def test_an_error_of_a_subclass_without_a_docstring_still_says_something() -> None:
    class OddError(PlatformError):
        pass

    assert str(OddError()) == "OddError"


def test_progress_is_what_the_kit_hands_in() -> None:
    assert {name for name in vars(Progress) if not name.startswith("_")} == {"value", "save"}
