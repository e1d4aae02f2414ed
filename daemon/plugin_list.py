"""[plugins]: the distributions whose platforms may run. A stranger's that is not named there is never imported.

The list is read twice: by `first_look`, before a single plugin is imported, and by `read`, with the rest of the file
and with complaints. What is installed is told by the distributions' own metadata, which imports nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec
import tomli
from msgspec import Struct

from daemon.toml_lines import KeyPath
from daemon.toml_values import TableReader, closest, quoted

GROUP = "orderferry"
OWN = "orderferry"
AT: KeyPath = ("plugins",)

_ENTRY = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:==([A-Za-z0-9.!+_-]+))?")


class PluginSettings(Struct, frozen=True, kw_only=True):
    """[plugins]: `enabled` are distributions, each by its name or as "name==version"."""

    enabled: tuple[str, ...] = ()


class Offer(Struct, frozen=True, kw_only=True):
    """One entry point of the group `orderferry`.

    `distribution` is spelt as package indexes do: small, with hyphens; it is empty where the metadata are broken.
    """

    name: str
    distribution: str
    version: str

    @property
    def built_in(self) -> bool:
        """Whether it is the program's own, and therefore needs no leave."""
        return self.distribution == OWN

    @property
    def origin(self) -> str:
        """Distribution and version, for sentences."""
        return f"{self.distribution or 'a distribution without a name'} {self.version}".strip()


def offer(entry: EntryPoint) -> Offer:
    """What an entry point's metadata tells; nothing is imported."""
    told = None if entry.dist is None else entry.dist.metadata
    name, version = (told["Name"], told["Version"]) if told and "Name" in told else ("", "")
    return Offer(name=entry.name, distribution=normal(name), version=version or "")


def installed() -> tuple[Offer, ...]:
    """All that is installed, whether it may run or not; nothing is imported."""
    return tuple(offer(entry) for entry in entry_points(group=GROUP))


def refusal(settings: PluginSettings, found: Offer) -> str | None:
    """Why an offer may not be imported, with the line that would allow it; None where it may."""
    if found.built_in:
        return None
    if not found.distribution:
        return "its metadata don't say which distribution it belongs to, so it can't be enabled; install it anew"
    versions = {version for name, version in map(_parsed, settings.enabled) if name == found.distribution}
    if not versions:
        return f"it is not enabled; if you trust it, write {_line(settings, found.distribution)} in [plugins]"
    if None in versions or found.version in versions:
        return None
    allowed = " or ".join(sorted(filter(None, versions)))
    wanted = _line(settings, f"{found.distribution}=={found.version}")
    return f"config.toml allows version {allowed} of it alone, and this is {found.version}; write {wanted} in [plugins]"


def first_look(path: Path) -> PluginSettings:
    """What the file enables, before anything is imported; nothing where it can't be read: `load` then says why."""
    try:
        document = tomli.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(document.get("plugins", {}), PluginSettings)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return PluginSettings()


def read(reader: TableReader, document: Mapping[str, Any]) -> PluginSettings:
    """[plugins] with complaints; a name of which nothing is installed is a warning, since nobody misses it so far."""
    table = reader.table(document.get("plugins", {}), AT, "[plugins] and its keys")
    settings = reader.struct(PluginSettings, table, AT) or PluginSettings()
    found = installed() if settings.enabled else ()
    for place, text in enumerate(settings.enabled):
        at = (*AT, "enabled", place)
        name, _ = _parsed(text)
        if name is None:
            reader.complain(at, 'is no distribution; write its name as pip shows it, or "name==version"')
        elif name == OWN or any(one.built_in and one.name == name for one in found):
            reader.warn(at, "is built in, and needs no entry")
        elif name not in {one.distribution for one in found}:
            reader.warn(at, f"no distribution of this name that offers a platform is installed{_meant(name, found)}")
    return settings


def advice(settings: PluginSettings, platform: str) -> str | None:
    """What to do about a platform that is installed by the name of its entry point, and yet isn't there."""
    sentences = []
    for found in installed():
        if found.name != platform:
            continue
        reason = refusal(settings, found)
        sentences.append(
            f"it comes with {found.origin}: {reason}"
            if reason
            else f"it comes with {found.origin}, which is enabled and does not run: `orderferry plugins` says why; "
            "one that was enabled just now runs after the next start"
        )
    return "; ".join(sentences) or None


def normal(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _parsed(text: str) -> tuple[str | None, str | None]:
    found = _ENTRY.fullmatch(text)
    return (None, None) if found is None else (normal(found[1]), found[2])


def _line(settings: PluginSettings, wanted: str) -> str:
    name, _ = _parsed(wanted)
    others = [text for text in settings.enabled if _parsed(text)[0] != name]
    return f"enabled = [{quoted([*others, wanted])}]"


def _meant(name: str, found: Iterable[Offer]) -> str:
    strangers = [one for one in found if not one.built_in]
    offering = [one.distribution for one in strangers if one.name == name]
    meant = offering[0] if offering else closest(name, {one.distribution for one in strangers})
    return f" (did you mean {quoted([meant])}?)" if meant else ""
