"""Both sides of a map, put beside each other: our words, the platform's choices, what is written and what is proposed.

Values in, values out. An entry's key is compared without regard to case and blanks, since marketplaces change both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from daemon.core.matching import Ours, propose
from orderferry import Choice, ChoiceKind, PaymentKind

DEFAULT = "default"


class Word(Struct, frozen=True, kw_only=True):
    """One of our words: `key` is for config.toml, `title` for people, and an entry may be under any of `aliases`.

    `accounts` are the marketplaces that know it; none where all do. `begins` says of a status that an order may be put
    into a shop with it.
    """

    key: str
    title: str
    aliases: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    begins: bool = False


class Came(Struct, frozen=True, kw_only=True):
    """A method that an order had, and that had no entry."""

    account: str
    method: str


class State(StrEnum):
    """How one of our words is mapped."""

    WRITTEN = "written"  # it stands in config.toml
    PRESET = "preset"  # the platform's own map has it
    OFF = "off"  # config.toml says that it is not told
    PROPOSED = "proposed"
    OPEN = "open"


class Row(Struct, frozen=True, kw_only=True):
    """One of our words and what it is mapped to; `choice_title` is None where the platform has no such choice."""

    key: str
    title: str
    accounts: tuple[str, ...] = ()
    state: State
    choice: str | None = None
    choice_title: str | None = None


def statuses(hub: Mapping[str, str], beginnings: Container[str]) -> tuple[Word, ...]:
    """Our side of a map of statuses: each one's key and label; `beginnings` are those that an order is added with."""
    return tuple(Word(key=key, title=label, begins=key in beginnings) for key, label in hub.items())


def payments(came: Iterable[Came] = ()) -> tuple[Word, ...]:
    """Our side of a map of payment methods: our kinds of payment, and the providers that really came."""
    kinds = tuple(Word(key=kind.value, title=kind.value.replace("_", " ")) for kind in PaymentKind)
    return (*kinds, *_new(came, kinds))


def deliveries(lists: Mapping[str, Sequence[Choice]], came: Iterable[Came] = ()) -> tuple[Word, ...]:
    """Our side of a map of delivery methods: each marketplace account's own list, and what really came.

    A method is written by its name, where that names no other one, else by its id.
    """
    reserved = {"", DEFAULT, *map(_plain, lists)}
    found: dict[str, Word] = {}
    for account, choices in lists.items():
        names = Counter(_plain(choice.title) for choice in choices)
        for choice in choices:
            plain = _plain(choice.title)
            key = choice.title if names[plain] == 1 and plain not in reserved else choice.id
            known = found.get(_plain(key), Word(key=key, title=choice.title))
            found[_plain(key)] = Word(
                key=known.key,
                title=known.title,
                aliases=(*known.aliases, choice.id, *([] if plain in reserved else [choice.title])),
                accounts=(*known.accounts, account),
            )
    listed = tuple(found.values())
    return (*listed, *_new(came, listed))


def rows(
    ours: Sequence[Word],
    choices: Sequence[Choice],
    kind: ChoiceKind,
    *,
    written: Mapping[str, Any],
    preset: Mapping[str, str],
) -> tuple[Row, ...]:
    """A row for each of our words, and for each entry of config.toml that is none of them.

    `written` is the table of config.toml, with a table inside for each account that has entries of its own; `preset` is
    what holds for statuses that are not in it.
    """
    decided = {one.key: _decided(one, written, preset) for one in ours}
    undecided = [one for one in ours if decided[one.key] is None]
    asked = [Ours(key=one.key, names=(one.key, one.title), begins=one.begins) for one in undecided]
    proposed = propose(asked, choices, kind)
    found = []
    for one in ours:
        choice = proposed.get(one.key)
        found.append((one, decided[one.key] or ((State.PROPOSED, choice.id) if choice else (State.OPEN, None))))
    known = {name for one in ours for name in _names(one)}
    for shown, key, value in _entries(written):
        if _plain(key) not in known:
            found.append((Word(key=shown, title=shown), _as_written(value)))
    titles = {choice.id: choice.title for choice in choices}
    return tuple(
        Row(
            key=one.key,
            title=one.title,
            accounts=one.accounts,
            state=state,
            choice=value,
            choice_title=titles.get(value or ""),
        )
        for one, (state, value) in found
    )


def _decided(one: Word, written: Mapping[str, Any], preset: Mapping[str, str]) -> tuple[State, str | None] | None:
    """What stands for it in config.toml, for all accounts or for each that knows it; else what is preset."""
    names = _names(one)

    def entry(table: object) -> str | None:
        pairs = table.items() if isinstance(table, Mapping) else ()
        plain = {_plain(key): value for key, value in pairs if isinstance(value, str)}
        return next((plain[name] for name in names if name in plain), None)

    found = entry(written)
    if found is None and one.accounts:
        own = [entry(written.get(account)) for account in one.accounts]
        found = None if None in own else own[0]
    if found is not None:
        return _as_written(found)
    return (State.PRESET, preset[one.key]) if one.key in preset else None


def _entries(written: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Every entry: how it is shown, its key and its value."""
    for key, value in written.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", inner, theirs) for inner, theirs in value.items() if isinstance(theirs, str))
        elif isinstance(value, str):
            yield key, key, value


def _as_written(value: str) -> tuple[State, str | None]:
    return (State.WRITTEN, value) if value else (State.OFF, None)


def _new(came: Iterable[Came], known: Sequence[Word]) -> tuple[Word, ...]:
    """What came and is not known, each once, with the accounts that it came from."""
    names = {name for one in known for name in _names(one)}
    found: dict[str, Word] = {}
    for one in came:
        plain = _plain(one.method)
        if plain not in names:
            before = found.get(plain, Word(key=one.method, title=one.method))
            accounts = tuple(dict.fromkeys((*before.accounts, one.account)))
            found[plain] = Word(key=before.key, title=before.title, accounts=accounts)
    return tuple(found.values())


def _names(one: Word) -> tuple[str, ...]:
    return tuple(_plain(name) for name in (*one.aliases, one.key))


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
