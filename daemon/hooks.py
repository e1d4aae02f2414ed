"""The only module that knows pluggy: finds the platforms, opens accounts, asks one account at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy
import structlog
from msgspec import Struct

from daemon.contained import contained
from daemon.core.answers import checked
from daemon.isolation.remote import Remote
from orderferry import platform as contract
from orderferry.capability import Capability
from orderferry.hooks import PROJECT
from orderferry.loading import disagreements
from orderferry.platform import AnyPlatform, Platform

log = structlog.get_logger("orderferry.hooks")

GROUP = "orderferry"


class Refused(Struct, frozen=True, kw_only=True):
    """A plugin that does not run, and why, in a sentence."""

    name: str
    origin: str
    reason: str


class Origin(Struct, frozen=True, kw_only=True):
    """The distribution that a platform came with; both empty where its entry point belongs to none."""

    distribution: str = ""
    version: str = ""

    @property
    def ours(self) -> bool:
        """Whether it came with orderferry itself."""
        return self.distribution == "orderferry"


class Catalogue(Struct, frozen=True, kw_only=True):
    """The platforms that are installed, by id, where each came from, and what was refused."""

    platforms: Mapping[str, type[AnyPlatform]]
    origins: Mapping[str, Origin] = {}
    refused: tuple[Refused, ...] = ()


def discover(found: tuple[EntryPoint, ...] | None = None) -> Catalogue:
    """Loads what every distribution offers, the built-in platforms by the same door; a bad one is refused alone."""
    platforms: dict[str, type[AnyPlatform]] = {}
    origins: dict[str, Origin] = {}
    refused: list[Refused] = []
    for entry in found if found is not None else tuple(entry_points(group=GROUP)):
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value
        try:
            offered = _offered(entry)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's module raises must not stop the others
            reason = f"it can't be loaded: {type(error).__name__}: {error}"
            refused.append(Refused(name=entry.name, origin=origin, reason=reason))
            continue
        for platform in offered:
            reasons = _faults(platform)
            if not reasons and platform.id in platforms:
                reasons = (f"another plugin already offers the platform {platform.id}",)
            if reasons:
                name = str(getattr(platform, "id", getattr(platform, "__name__", entry.name)))
                refused.append(Refused(name=name, origin=origin, reason="; ".join(reasons)))
            else:
                platforms[platform.id] = platform
                origins[platform.id] = _origin(entry)
    return Catalogue(platforms=platforms, origins=origins, refused=tuple(refused))


def _origin(entry: EntryPoint) -> Origin:
    return Origin() if entry.dist is None else Origin(distribution=entry.dist.name, version=entry.dist.version)


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
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Platform)
        self._platforms: dict[str, AnyPlatform] = {}

    def open(self, name: str, make: Callable[[], AnyPlatform]) -> AnyPlatform:
        """Makes an account's platform and registers it; raises whatever is wrong with it."""
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
            return await method(**arguments)
        return checked(hook, await contained(name, lambda: method(**arguments), log))


def effective(platform: AnyPlatform, missing: Mapping[str, str]) -> Capability:
    """What an account can do: its platform's capabilities without those that its check found missing."""
    flags = platform.capabilities
    for name in missing:
        flag = Capability.__members__.get(name.upper())
        if flag is not None:
            flags &= ~flag
    return flags
