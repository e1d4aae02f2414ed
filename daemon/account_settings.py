"""[marketplaces.NAME] and [shops.NAME] -> frozen settings of the accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from daemon.core.fields import PLACES, Choose, unknown_places
from daemon.core.forwarding import EVERYTHING, Passed
from daemon.core.maps import Maps, Methods
from daemon.core.routing import MAIL, Sync
from daemon.core.thanking import Letters
from daemon.core.ticking import IMMEDIATE
from daemon.isolation.limits import Isolation
from daemon.privacy.settings import KEY as KEEP
from daemon.privacy.settings import check_keep
from daemon.secret_sources import WrongValueError
from daemon.toml_lines import KeyPath
from daemon.toml_values import TableReader, closest, quoted, seen, shown
from orderferry import Duration, Role, Settings
from orderferry.platform import AnyPlatform

SETTLE = Duration(seconds=420)
WATCH_EVERY = Duration(minutes=1)

ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


class ForwardSettings(Struct, frozen=True, kw_only=True):
    """[shops.NAME.forward]: whether orders go into this shop, and what it is told of them.

    `look_for_others` looks for an order that something else has put into the shop for the same purchase, before ours is
    added. `fields` are the seller's free fields: the shop's key -> a text with places in it, or a choice.
    """

    enabled: bool = True
    passed: frozenset[Passed] = msgspec.field(name="pass", default=EVERYTHING)
    look_for_others: bool = True
    fields: Mapping[str, str | Choose] = MappingProxyType({})


class AccountSettings(Struct, frozen=True, kw_only=True):
    """[marketplaces.NAME], [shops.NAME], [imports.NAME] or [mail]; `COMMON_KEYS` says which keys belong to which role.

    `settings` is the platform's own part. `statuses` maps the hub's statuses to the platform's: a status that is not in
    it is not told; `payments` and `deliveries` map the marketplaces' methods to the shop's. `settle` is how long an
    unanswered order is looked for before it may be sent again. `forward_since` is in UTC: orders bought earlier are
    shown, but not forwarded by themselves. `fetch` says whether orders are fetched by themselves, `fetched_status`
    which of the hub's statuses they get (None: that of every new order), `sync` how often the account is told changes,
    `thank_you` whether its buyers get a mail. `letters` are the mail account's own.
    `isolation` says where the plugin runs (None: as its origin asks for), `memory_mib` (0: no limit) and `open_files`
    what it may take in a process of its own. `keep_buyer_data` is None where [privacy] says it. An import has no
    `platform`, and none of what only a platform can be asked.
    """

    name: str
    role: Role
    platform: str
    poll_every: Duration
    settings: Settings
    statuses: Mapping[str, str]
    payments: Methods = Methods()
    deliveries: Methods = Methods()
    sync: Sync = Sync()
    settle: Duration = SETTLE
    fetch: bool = True
    fetched_status: str | None = None
    forward: ForwardSettings = ForwardSettings()
    forward_marketplace_stock: bool = False
    forward_since: datetime | None = None
    thank_you: bool = False
    letters: Letters | None = None
    folder: Path | None = None
    mapping: Path | None = None
    watch_every: Duration = WATCH_EVERY
    isolation: Isolation | None = None
    memory_mib: Annotated[int, msgspec.Meta(ge=0, le=1_048_576)] = 1024
    open_files: Annotated[int, msgspec.Meta(ge=64, le=65_536)] = 256
    keep_buyer_data: Duration | None = None

    @property
    def maps(self) -> Maps:
        """All maps of the account, as they are written."""
        return Maps(statuses=self.statuses, payments=self.payments, deliveries=self.deliveries)


class Known(Struct, frozen=True, kw_only=True):
    """The platforms that run, by id; `advice` says of an id that is not among them what would make it run."""

    platforms: Mapping[str, type[AnyPlatform]]
    advice: Callable[[str], str | None]


SECTIONS: Mapping[str, Role] = MappingProxyType(
    {"marketplaces": Role.MARKETPLACE, "shops": Role.SHOP, "imports": Role.IMPORT}
)

_ISOLATION = ("isolation", "memory_mib", "open_files")

COMMON_KEYS: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        Role.MARKETPLACE: (
            "platform",
            "poll_every",
            "statuses",
            "sync",
            "forward_marketplace_stock",
            "forward_since",
            "thank_you",
            KEEP,
            *_ISOLATION,
        ),
        Role.SHOP: (
            "platform",
            "poll_every",
            "fetch",
            "fetched_status",
            "statuses",
            "payments",
            "deliveries",
            "sync",
            "settle",
            "forward",
            "thank_you",
            KEEP,
            *_ISOLATION,
        ),
        Role.IMPORT: ("folder", "mapping", "watch_every", "forward_since", KEEP),
        Role.MAIL: ("platform", *_ISOLATION),
    }
)
"""The keys that every account of a role has; all others are its platform's own."""

IMPLICIT_IMPORT = AccountSettings(
    name="import", role=Role.IMPORT, platform="", poll_every=WATCH_EVERY, settings=Settings(), statuses={}
)
"""The account that takes imported orders where no section [imports.NAME] is written."""

SYNCS: Mapping[Role, Sync] = MappingProxyType({Role.MARKETPLACE: Sync(status=IMMEDIATE), Role.SHOP: Sync()})
"""How often an account of a role is told changes, unless the seller says otherwise."""

SYNC_KEYS: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {Role.MARKETPLACE: ("status", "tracking"), Role.SHOP: ("status", "payment", "tracking")}
)
"""What [marketplaces.NAME.sync] and [shops.NAME.sync] may say."""

_READ_HERE = frozenset({"statuses", "payments", "deliveries", "sync", "forward"})


def read_accounts(
    reader: TableReader,
    document: Mapping[str, Any],
    known: Known,
    hub: list[str],
) -> tuple[AccountSettings, ...]:
    """Every account of the file; `hub` are the keys of the hub's statuses. What is wrong is told to the reader."""
    accounts = []
    names: set[str] = set()
    sources = [name for section in SECTIONS for name in _keys(document.get(section))]
    for section, role in SECTIONS.items():
        tables = reader.table(document.get(section, {}), (section,), f"[{section}.NAME] for each {role}")
        if isinstance(tables.get("platform"), str):
            reader.complain((section,), f"a {role} needs a name of its own: write [{section}.NAME]")
            continue
        for name, raw in tables.items():
            at = (section, name)
            if not ACCOUNT_NAME.fullmatch(name):
                meant = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:41]
                hint = f" (did you mean {meant}?)" if meant else ""
                reader.complain(at, f"a name has 1 to 41 of the letters a-z, digits and -, and begins with no -{hint}")
            if name in names:
                reader.complain(at, "another account has this name already; give each account a name of its own")
            names.add(name)
            table = reader.table(raw, at, f"[{section}.NAME] and its keys")
            if not isinstance(raw, dict):
                continue
            if role is Role.IMPORT:
                account = _import(reader, table, at)
            else:
                account = _account(reader, role, table, at, known=known, hub=hub, sources=sources)
            if account is not None:
                accounts.append(account)
    return tuple(accounts)


def read_mail(reader: TableReader, raw: object, known: Known, letters: Letters | None) -> AccountSettings | None:
    """The mail server of [mail], which has no name of its own; None where there is none, or after a complaint."""
    if not isinstance(raw, dict):
        return None
    table = {"platform": "smtp", **{key: value for key, value in raw.items() if key != "thank_you"}}
    mail = _account(reader, Role.MAIL, table, (MAIL,), known=known, hub=[], sources=[])
    return None if mail is None else msgspec.structs.replace(mail, letters=letters)


def _account(
    reader: TableReader,
    role: Role,
    table: Mapping[str, Any],
    at: tuple[str, ...],
    *,
    known: Known,
    hub: list[str],
    sources: list[str],
) -> AccountSettings | None:
    before = len(reader.problems)
    platform = _platform(reader, role, table, at, known)
    role = role if platform is None else platform.role
    common = COMMON_KEYS[role]
    settings = None
    if platform is not None:
        own = [field.encode_name for field in msgspec.structs.fields(platform.Settings)]
        for taken in sorted(set(own) & set(common)):
            reader.complain(at, f"the platform {platform.id} has a key {taken}, which is the program's own: its bug")
        reader.check_keys(table, (*common, *own), at, _belongs_to())
        settings = reader.known_struct(platform.Settings, table, at)
    values = reader.fields(AccountSettings, set(common) - _READ_HERE, table, at)
    for key in ("poll_every", "settle"):
        if key in values and values[key] <= timedelta(0):
            reader.complain((*at, key), "must be longer than nothing")
    if KEEP in values:
        check_keep(reader, values[KEEP], (*at, KEEP), platform)
    if "fetched_status" in values and values["fetched_status"] not in hub:
        meant = closest(values["fetched_status"], hub)
        hint = f" (did you mean {quoted([meant])}?)" if meant else f"; they are {', '.join(hub)}"
        reader.complain((*at, "fetched_status"), f"is not one of the hub's statuses{hint}")
    values["statuses"] = _mapped_statuses(reader, table.get("statuses", {}), (*at, "statuses"), platform, hub)
    for key in ("payments", "deliveries"):
        if key in common:
            values[key] = _methods(reader, table.get(key, {}), (*at, key), sources)
    if "forward" in common:
        values["forward"] = _forward(reader, table.get("forward", {}), (*at, "forward"))
    if "sync" in common:
        values["sync"] = _sync(reader, table.get("sync", {}), (*at, "sync"), role)
    if platform is None or settings is None or before != len(reader.problems):
        return None
    values.setdefault("poll_every", Duration(seconds=platform.poll_every.total_seconds()))
    return AccountSettings(name=at[-1], role=role, settings=settings, **values)


def _import(reader: TableReader, table: Mapping[str, Any], at: tuple[str, str]) -> AccountSettings | None:
    before = len(reader.problems)
    keys = COMMON_KEYS[Role.IMPORT]
    reader.check_keys(table, keys, at, _belongs_to())
    values = reader.fields(AccountSettings, keys, table, at)
    every = values.get("watch_every", WATCH_EVERY)
    if every <= timedelta(0):
        reader.complain((*at, "watch_every"), "must be longer than nothing")
    if KEEP in values:
        check_keep(reader, values[KEEP], (*at, KEEP))
    if before != len(reader.problems):
        return None
    return msgspec.structs.replace(IMPLICIT_IMPORT, name=at[1], poll_every=every, **values)


def _belongs_to() -> Mapping[str, str]:
    """Each common key with the sections that have it."""
    places: dict[str, list[str]] = {}
    for section, role in SECTIONS.items():
        for key in COMMON_KEYS[role]:
            places.setdefault(key, []).append(f"[{section}.NAME]")
    return {key: " and ".join(sections) for key, sections in places.items()}


def _platform(
    reader: TableReader,
    role: Role,
    table: Mapping[str, Any],
    at: tuple[str, ...],
    known: Known,
) -> type[AnyPlatform] | None:
    place = (*at, "platform")
    fitting = sorted(key for key, platform in known.platforms.items() if platform.role is role)
    write = f"platform = one of {quoted(fitting)}" if fitting else "a platform, of which none is installed"
    if "platform" not in table:
        reader.complain(place, f"is missing; write {write}")
        return None
    key = table["platform"]
    if not isinstance(key, str) or not key.strip():
        return None  # the common keys' types are checked by the caller
    platform = known.platforms.get(key)
    if platform is None and (advice := known.advice(key)) is not None:
        reader.complain(place, f"{quoted([key])} does not run here; {advice}")
    elif platform is None:
        meant = closest(key, fitting) or closest(key, known.platforms)
        hint = f" (did you mean {quoted([meant])}?)" if meant else ""
        reader.complain(place, f"found {seen(key)}, write {write}{hint}")
    elif platform.role is not role:
        section = next((f"{section}.{at[-1]}" for section, its in SECTIONS.items() if its is platform.role), MAIL)
        kind = "mail server" if platform.role is Role.MAIL else platform.role
        reader.complain(place, f"{platform.id} is a {kind}; write [{section}] above it")
    return platform


def _mapped_statuses(
    reader: TableReader, raw: object, at: KeyPath, platform: type[AnyPlatform] | None, hub: list[str]
) -> Mapping[str, str]:
    mapped = {key: theirs for key, theirs in (platform.statuses if platform else {}).items() if key in hub}
    table = reader.table(raw, at, f'[{shown(at)}] and lines such as sent = "completed"')
    reader.check_keys(table, hub, at)
    for key, theirs in table.items():
        if theirs == "":
            mapped.pop(key, None)  # the seller wants this status not to be told
        elif key in hub:
            mapped[key] = _text(reader, theirs, (*at, key)) or ""
    return MappingProxyType(mapped)


def _methods(reader: TableReader, raw: object, at: KeyPath, sources: list[str]) -> Methods:
    """A map of methods: texts are entries for all accounts, tables entries for one."""
    table = reader.table(raw, at, f'[{shown(at)}] and lines such as "Courier" = "flat_rate:1"')
    general: dict[str, str] = {}
    by_account: dict[str, Mapping[str, str]] = {}
    for key, value in table.items():
        if not isinstance(value, dict):
            general[key] = _text(reader, value, (*at, key)) or ""
            continue
        if key not in sources:
            meant = closest(key, sources)
            hint = f" (did you mean {meant}?)" if meant else f"; the accounts are {', '.join(sources)}"
            reader.complain((*at, key), f"is not an account{hint}")
        by_account[key] = {name: _text(reader, theirs, (*at, key, name)) or "" for name, theirs in value.items()}
    return Methods(general=general, by_account=by_account)


def _forward(reader: TableReader, raw: object, at: KeyPath) -> ForwardSettings:
    table = dict(reader.table(raw, at, f"[{shown(at)}] and its keys"))
    reader.check_keys(table, [field.encode_name for field in msgspec.structs.fields(ForwardSettings)], at)
    fields = _fields(reader, table.pop("fields", {}), (*at, "fields"))
    values = reader.fields(ForwardSettings, table, table, at)
    return ForwardSettings(**values, fields=fields)


def _fields(reader: TableReader, raw: object, at: KeyPath) -> Mapping[str, str | Choose]:
    table = reader.table(raw, at, f'[{shown(at)}] and lines such as "_billing_nip" = "{{tax_id}}"')
    found: dict[str, str | Choose] = {}
    for key, value in table.items():
        place = (*at, key)
        if isinstance(value, dict):
            chosen = reader.struct(Choose, value, place)
            if chosen is not None:
                found[key] = chosen
                _check_places(reader, [chosen.place], (*place, "if"))
        elif (text := _text(reader, value, place)) is not None:
            found[key] = text
            try:
                _check_places(reader, unknown_places(text), place, only_unknown=True)
            except ValueError:
                reader.complain(place, 'has a brace without its fellow; write "{tax_id}", and "{{" for a brace itself')
    return MappingProxyType(found)


def _check_places(reader: TableReader, names: Iterable[str], at: KeyPath, *, only_unknown: bool = False) -> None:
    for name in names:
        if only_unknown or name not in PLACES:
            meant = closest(name, PLACES)
            hint = f" (did you mean {{{meant}}}?)" if meant else f"; there are {', '.join(PLACES)}"
            reader.complain(at, f"{{{name[:40]}}} is nothing that an order has{hint}")


def _sync(reader: TableReader, raw: object, at: KeyPath, role: Role) -> Sync:
    table = reader.table(raw, at, f'[{shown(at)}] and lines such as status = "1h"')
    reader.check_keys(table, SYNC_KEYS[role], at)
    return msgspec.structs.replace(SYNCS[role], **reader.fields(Sync, SYNC_KEYS[role], table, at))


def _text(reader: TableReader, raw: object, at: KeyPath) -> str | None:
    try:
        text: str = reader.value(str, raw, at, filled=True)
    except WrongValueError as wrong:
        reader.complain(at, str(wrong))
        return None
    return text


def _keys(raw: object) -> list[str]:
    return list(raw) if isinstance(raw, dict) else []
