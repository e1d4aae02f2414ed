"""The only module that knows pluggy: finds the platforms, opens accounts, asks one account at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy
import structlog
from msgspec import Struct

from daemon.calls import Calls
from daemon.contained import contained
from daemon.core.answers import checked
from daemon.isolation.remote import Remote
from daemon.plugin_list import GROUP, Offer, PluginSettings, offer, refusal
from orderferry import platform as contract
from orderferry.capability import Capability
from orderferry.hooks import PROJECT
from orderferry.loading import disagreements
from orderferry.platform import AnyPlatform, Platform

log = structlog.get_logger("orderferry.hooks")

BUILT_IN_ALONE = PluginSettings()


class Refused(Struct, frozen=True, kw_only=True):
    """A plugin that does not run, and why, in a sentence."""

    name: str
    origin: str
    reason: str


class Plugin(Struct, frozen=True, kw_only=True):
    """One entry point: the ids of its platforms that run, and what was refused of it, the whole or a platform."""

    offer: Offer
    imported: bool
    platforms: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()


class Catalogue(Struct, frozen=True, kw_only=True):
    """The platforms that may be used, by id, and every plugin that is installed."""

    platforms: Mapping[str, type[AnyPlatform]]
    plugins: tuple[Plugin, ...] = ()

    def is_strange(self, platform: str) -> bool:
        """Whether it came with another distribution than the program's own."""
        return any(platform in plugin.platforms and not plugin.offer.built_in for plugin in self.plugins)

    @property
    def refused(self) -> tuple[Refused, ...]:
        """All that was refused, of whichever plugin."""
        return tuple(refused for plugin in self.plugins for refused in plugin.refused)


def discover(allowed: PluginSettings = BUILT_IN_ALONE, found: tuple[EntryPoint, ...] | None = None) -> Catalogue:
    """Loads what may run, the built-in platforms by the same door; a bad plugin is refused alone.

    What `allowed` does not name, and is not the program's own, is not imported. The program's own come first, so that
    nobody takes the place of one of theirs.
    """
    entries = found if found is not None else tuple(entry_points(group=GROUP))
    platforms: dict[str, type[AnyPlatform]] = {}
    ordered = sorted(((offer(entry), entry) for entry in entries), key=lambda pair: not pair[0].built_in)
    plugins = tuple(_taken(made, entry, refusal(allowed, made), platforms) for made, entry in ordered)
    return Catalogue(platforms=platforms, plugins=plugins)


def _taken(made: Offer, entry: EntryPoint, forbidden: str | None, platforms: dict[str, type[AnyPlatform]]) -> Plugin:
    """Adds what the plugin offers to the platforms, and tells what came of it."""
    if forbidden is not None:
        refused = Refused(name=made.name, origin=made.origin, reason=forbidden)
        return Plugin(offer=made, imported=False, refused=(refused,))
    try:
        offered = _offered(entry)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's module raises must not stop the others
        reason = f"it can't be loaded: {type(error).__name__}: {error}"
        return Plugin(offer=made, imported=True, refused=(Refused(name=made.name, origin=made.origin, reason=reason),))
    runs: list[str] = []
    refusals: list[Refused] = []
    for platform in offered:
        reasons = _faults(platform)
        if not reasons and platform.id in platforms:
            reasons = (f"another plugin already offers the platform {platform.id}",)
        if reasons:
            name = str(getattr(platform, "id", getattr(platform, "__name__", made.name)))
            refusals.append(Refused(name=name, origin=made.origin, reason="; ".join(reasons)))
        else:
            platforms[platform.id] = platform
            runs.append(platform.id)
    return Plugin(offer=made, imported=True, platforms=tuple(runs), refused=tuple(refusals))


def _offered(entry: EntryPoint) -> list[type[AnyPlatform]]:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(contract)
    manager.register(entry.load(), name=entry.name)
    manager.check_pending()
    offered: list[type[AnyPlatform]] = []
    manager.hook.register_platforms(register=offered.append)
    if not offered:
        raise ValueError("its register_platforms offers nothing")
    return offered


def _faults(platform: object) -> tuple[str, ...]:
    if not (isinstance(platform, type) and issubclass(platform, Platform)):
        return (f"{platform!r} is not a subclass of orderferry.Platform",)
    missing = [name for name in ("id", "title", "role", "Settings", "capabilities") if not hasattr(platform, name)]
    if missing:
        return (f"it does not say its {', '.join(missing)}",)
    return tuple(disagreements(platform))


class Hooks:
    """The open accounts as pluggy plugins, each under `account:<name>`."""

    def __init__(self) -> None:
        self.calls = Calls()
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Platform)
        self._platforms: dict[str, AnyPlatform] = {}

    def open(self, name: str, make: Callable[[], AnyPlatform]) -> AnyPlatform:
        """Makes an account's platform and registers it; raises whatever is wrong with it."""
        with self.calls.under_way(name, "open"):
            platform = make()
        self._manager.register(platform, name=f"account:{name}")
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            self._manager.unregister(platform)
            raise
        self._platforms[name] = platform
        return platform

    def close(self, name: str) -> None:
        """Forgets an account."""
        platform = self._platforms.pop(name, None)
        if platform is not None:
            self._manager.unregister(platform)

    def platform(self, name: str) -> AnyPlatform:
        """The account's platform."""
        return self._platforms[name]

    def platforms(self) -> Mapping[str, AnyPlatform]:
        """Every open account's platform now."""
        return dict(self._platforms)

    async def ask(self, name: str, hook: str, **arguments: Any) -> Any:  # each hook has its own arguments and answer
        """Asks one account, and no other, for one hook; raises `PluginBugError` where the answer is not the hook's."""
        asked = self._platforms[name]
        others = [platform for platform in self._platforms.values() if platform is not asked]
        caller = self._manager.subset_hook_caller(hook, others)
        implementations = caller.get_hookimpls()
        if len(implementations) != 1 or implementations[0].plugin is not asked:
            raise LookupError(f"{name} has no {hook}")
        # the caller itself would, a moment later, ask accounts that were opened meanwhile as well
        method: Callable[..., Any] = implementations[0].function  # as the hook has it
        if isinstance(asked, Remote):
            with self.calls.under_way(name, hook):
                return await method(**arguments)

        async def run() -> Any:  # as the hook answers
            with self.calls.lent(name, hook):
                return await method(**arguments)

        with self.calls.under_way(name, hook):
            return checked(hook, await contained(name, run, log))


def effective(platform: AnyPlatform, missing: Mapping[str, str]) -> Capability:
    """What an account can do: its platform's capabilities without those that its check found missing."""
    flags = platform.capabilities
    for name in missing:
        flag = Capability.__members__.get(name.upper())
        if flag is not None:
            flags &= ~flag
    return flags
