"""Finding platforms, and asking one account alone; whatever a stranger's plugin does stops nobody else."""

from __future__ import annotations

import asyncio
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, ClassVar, cast

import pytest

from daemon.core.retry import PluginBugError
from daemon.hooks import Catalogue, Hooks, discover, effective
from daemon.plugin_list import PluginSettings
from orderferry import Capability, CheckReport, Page, Platform, Register, Role, Settings, hookimpl
from orderferry.testing.clock import VirtualClock
from tests.daemon.engine_platforms import Market, MarketWorld, Shop, ShopWorld


class Distribution:
    """What an entry point lies in."""

    metadata: ClassVar[dict[str, str]] = {"Name": "strange", "Version": "7"}


class Offer:
    """An entry point of a stranger's distribution."""

    dist = Distribution

    def __init__(self, name: str, *offered: object, error: BaseException | None = None, bare: bool = False) -> None:
        self.name = name
        self.value = f"strange.{name}"
        self._offered = offered
        self._error = error
        self._bare = bare

    def load(self) -> ModuleType:
        if self._error is not None:
            raise self._error
        module = ModuleType(self.value)

        @hookimpl
        def register_platforms(register: Register) -> None:
            for platform in self._offered:
                register(cast("type[Platform[Any]]", platform))

        if not self._bare:
            module.register_platforms = register_platforms  # type: ignore[attr-defined] # a module made by hand
        return module


def found(*offers: Offer) -> Catalogue:
    return discover(PluginSettings(enabled=("strange",)), cast("tuple[EntryPoint, ...]", offers))


class Good(Platform[Settings]):
    id = "good"
    title = "Good"
    role = Role.SHOP
    Settings = Settings
    capabilities = Capability.FETCH_ORDERS

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:  # noqa: ARG002 - the contract's own
        return Page(cursor=cursor or "x")

    @hookimpl
    async def check(self) -> CheckReport:
        return CheckReport(summary="fine")


class Promises(Good):
    id = "promises"
    capabilities = Capability.FETCH_ORDERS | Capability.SET_STATUS


class Hides(Good):
    id = "hides"
    capabilities = Capability.NONE


class Unchecked(Platform[Settings]):
    id = "unchecked"
    title = "Unchecked"
    role = Role.SHOP
    Settings = Settings
    capabilities = Capability.NONE


class Nameless(Platform[Settings]):
    title = "Nameless"
    role = Role.SHOP
    Settings = Settings
    capabilities = Capability.NONE


class Unmarked(Good):
    id = "unmarked"

    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:  # noqa: ARG002 - the contract's own
        return Page(cursor=cursor or "x")


@pytest.mark.parametrize(
    ("offer", "words"),
    [
        (Offer("broken", error=ImportError("No module named 'requests'")), "ImportError: No module named 'requests'"),
        (Offer("ends", error=SystemExit(3)), "SystemExit: 3"),
        (Offer("bare", bare=True), "register_platforms offers nothing"),
        (Offer("empty"), "register_platforms offers nothing"),
        (Offer("text", "a text"), "is not a subclass of orderferry.Platform"),
        (Offer("class", dict), "is not a subclass of orderferry.Platform"),
        (Offer("p", Promises), "promises set_status, but does not implement `set_status`"),
        (Offer("h", Hides), "implements `fetch_orders`, but declares none of fetch_orders"),
        (Offer("u", Unchecked), "does not implement `check`"),
        (Offer("n", Nameless), "does not say its id"),
        (Offer("m", Unmarked), "is not marked with @hookimpl"),
    ],
)
def test_a_bad_plugin_is_refused_alone_with_a_plain_reason(offer: Offer, words: str) -> None:
    catalogue = found(offer, Offer("good", Good))
    assert dict(catalogue.platforms) == {"good": Good}
    (refused,) = catalogue.refused
    assert words in refused.reason
    assert refused.origin == "strange 7"


def test_of_two_plugins_with_one_id_the_second_is_refused() -> None:
    catalogue = found(Offer("a", Good), Offer("b", type("Other", (Good,), {})))
    assert dict(catalogue.platforms) == {"good": Good}
    assert [(one.name, one.reason) for one in catalogue.refused] == [
        ("good", "another plugin already offers the platform good")
    ]


def test_one_plugin_may_offer_several_platforms_of_which_one_is_bad() -> None:
    catalogue = found(Offer("both", Promises, Good))
    assert list(catalogue.platforms) == ["good"]
    assert [one.name for one in catalogue.refused] == ["promises"]


def test_the_built_in_platforms_come_by_the_same_door() -> None:
    catalogue = discover()
    assert catalogue.platforms.keys() >= {"allegro", "woocommerce"}
    assert catalogue.refused == ()
    assert not any(map(catalogue.is_strange, catalogue.platforms))
    assert {entry.name for entry in entry_points(group="orderferry")} >= {"allegro", "woocommerce"}


class Alive:
    """Stands in for an engine."""

    class store:  # noqa: N801 - an attribute of the engine
        dead = False


@pytest.fixture
def asked() -> tuple[Hooks, ShopWorld, ShopWorld]:
    clock = VirtualClock()
    hooks, one, other = Hooks(), ShopWorld(clock), ShopWorld(clock)
    hooks.open("one", lambda: Shop(cast("Any", None), one, cast("Any", Alive())))
    hooks.open("other", lambda: Shop(cast("Any", None), other, cast("Any", Alive())))
    return hooks, one, other


async def test_one_account_is_asked_and_no_other(asked: tuple[Hooks, ShopWorld, ShopWorld]) -> None:
    hooks, one, other = asked
    await hooks.ask("one", "check")
    await hooks.ask("one", "fetch_orders", cursor="c", since=None)
    assert one.calls == [("check", None), ("fetch_orders", "c")]
    assert other.calls == []


async def test_an_account_without_the_hook_is_an_error_and_nobody_else_is_asked(
    asked: tuple[Hooks, ShopWorld, ShopWorld],
) -> None:
    hooks, one, other = asked
    hooks.open("market", lambda: Market(cast("Any", None), MarketWorld()))
    with pytest.raises(LookupError, match="market has no add_order"):
        await hooks.ask("market", "add_order", order=None, progress=None)
    assert (one.calls, other.calls) == ([], [])


async def test_a_plugin_that_ends_the_program_is_an_error_of_its_own(
    asked: tuple[Hooks, ShopWorld, ShopWorld],
) -> None:
    hooks, one, _ = asked
    one.then("check", SystemExit(1))
    with pytest.raises(PluginBugError, match="would have ended the program"):
        await hooks.ask("one", "check")


async def test_a_closed_account_is_forgotten_and_may_be_opened_again(asked: tuple[Hooks, ShopWorld, ShopWorld]) -> None:
    hooks, one, _ = asked
    hooks.close("one")
    hooks.close("one")
    with pytest.raises(KeyError):
        await hooks.ask("one", "check")
    hooks.open("one", lambda: Shop(cast("Any", None), one, cast("Any", Alive())))
    await hooks.ask("one", "check")


def test_a_platform_that_cannot_be_made_is_not_there(asked: tuple[Hooks, ShopWorld, ShopWorld]) -> None:
    hooks = asked[0]

    def fails() -> Shop:
        raise ValueError("the key is no key")

    with pytest.raises(ValueError, match="no key"):
        hooks.open("third", fails)
    with pytest.raises(KeyError):
        hooks.platform("third")


def test_what_a_check_finds_missing_is_taken_away() -> None:
    shop = Shop(cast("Any", None), ShopWorld(VirtualClock()), cast("Any", Alive()))
    flags = effective(shop, {"set_status": "x", "no_such_thing": "y"})
    assert flags == shop.capabilities & ~Capability.SET_STATUS


async def test_an_account_that_is_opened_while_another_is_asked_does_not_answer_for_it(
    asked: tuple[Hooks, ShopWorld, ShopWorld],
) -> None:
    hooks, one, _ = asked
    asking = asyncio.ensure_future(hooks.ask("one", "check"))
    await asyncio.sleep(0)
    late = ShopWorld(VirtualClock())
    hooks.open("late", lambda: Shop(cast("Any", None), late, cast("Any", Alive())))
    await asking
    assert (one.calls, late.calls) == ([("check", None)], [])
