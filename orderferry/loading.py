"""Whether a platform's class keeps its word: its flags, its hooks and their arguments agree.

The daemon asks before it opens an account, and the contract test kit asks the very same, so that what passes there
starts here.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from orderferry.capability import HOOK_FLAGS, Capability, names
from orderferry.hooks import PROJECT
from orderferry.model import Role
from orderferry.platform import Platform
from orderferry.settings import Settings

HOOKS: tuple[str, ...] = (*HOOK_FLAGS, "check")
"""Every hook that a platform may implement; `check` it must."""


def disagreements(cls: type[Platform[Any]]) -> tuple[str, ...]:
    """One plain sentence for each thing in which the class contradicts itself or the contract; empty when it is sound.

    Looks at the class alone, and neither makes an instance nor raises.
    """
    return (*_attributes(cls), *_flags(cls), *_hooks(cls), *_strays(cls))


def implements(cls: type[Platform[Any]], hook: str) -> bool:
    """Whether the class has this hook of its own instead of the contract's empty one."""
    return getattr(cls, hook, None) is not getattr(Platform, hook)


def _attributes(cls: type[Platform[Any]]) -> Iterator[str]:
    for name, kind in (("id", str), ("title", str), ("role", Role), ("capabilities", Capability)):
        if not isinstance(value := getattr(cls, name, None), kind):
            yield f"`{name}` must be a {kind.__name__}, not {value!r}"
        elif not value and kind is str:
            yield f"`{name}` is empty"
    settings = getattr(cls, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, Settings)):
        yield "`Settings` must be a subclass of orderferry.Settings"


def _flags(cls: type[Platform[Any]]) -> Iterator[str]:
    declared = getattr(cls, "capabilities", None)
    if not isinstance(declared, Capability):
        return
    for hook, flags in HOOK_FLAGS.items():
        promised = names(declared & flags)
        if promised and not implements(cls, hook):
            yield f"promises {', '.join(promised)}, but does not implement `{hook}`"
        elif not promised and implements(cls, hook):
            yield f"implements `{hook}`, but declares none of {', '.join(names(flags))}"
    if not implements(cls, "check"):
        yield "does not implement `check`, which every platform must have"


def _hooks(cls: type[Platform[Any]]) -> Iterator[str]:
    for hook in HOOKS:
        if not implements(cls, hook):
            continue
        method = getattr(cls, hook)
        if not callable(method):
            yield f"`{hook}` is no method"
            continue
        if not hasattr(method, f"{PROJECT}_impl"):
            yield f"`{hook}` is not marked with @hookimpl, so it would never be asked"
        if not inspect.iscoroutinefunction(method):
            yield f"`{hook}` must be `async def`"
        wanted, found = _arguments(getattr(Platform, hook)), _arguments(method)
        if wanted != found:
            said = f"but the contract says ({', '.join(wanted)})"
            yield f"`{hook}` takes ({', '.join(found)}), {said}: a mistake, or made for another version of it"


def _strays(cls: type[Platform[Any]]) -> Iterator[str]:
    for name in dir(cls):
        if name not in HOOKS and hasattr(getattr(cls, name, None), f"{PROJECT}_impl"):
            yield f"`{name}` is marked with @hookimpl, but the contract has no such hook"


def _arguments(method: Any) -> tuple[str, ...]:  # whatever stands in the class under a hook's name
    return tuple(name for name in inspect.signature(method).parameters if name != "self")
