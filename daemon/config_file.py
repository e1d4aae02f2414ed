"""Adds to config.toml what a command was told to add: nothing that is there is changed, not a comment, not a blank.

A file is replaced as a whole or not at all. tomlkit is imported only where something is to be written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli
from msgspec import Struct

from daemon.toml_lines import KeyPath, line_of_each_key


class EditError(Exception):
    """The file can't be changed; the message is a sentence that says why."""


class Entry(Struct, frozen=True, kw_only=True):
    """A line that is to stand in a table; `note` becomes the comment behind it."""

    key: str
    value: str
    note: str = ""


def add_entries(text: str, table: Sequence[str], entries: Sequence[Entry]) -> str:
    """The text with these entries added to a table, which is made where it is missing.

    The table that it stands in must be there. Raises `EditError` where an entry is there already, or the file is
    written in a way that can't be added to.
    """
    import tomlkit.exceptions  # noqa: PLC0415 - only needed where something is written

    try:
        before = tomli.loads(text)
        expected = _with(before, table, entries)
        added = _spliced(text, tuple(table), entries)
        done = tomli.loads(added) == expected and _only_adds(text, added)
    except (tomli.TOMLDecodeError, tomlkit.exceptions.TOMLKitError, ValueError, TypeError, LookupError) as error:
        raise EditError(f"[{'.'.join(table)}] can't be added to ({error})") from error
    if not done:
        raise EditError(f"[{'.'.join(table)}] is written in a way that can't be added to by a program")
    return added


def section(table: Sequence[str], entries: Sequence[Entry]) -> str:
    """A whole table with its heading, as text."""
    import tomlkit  # noqa: PLC0415 - only needed where something is written

    document = tomlkit.document()
    place: Any = document  # tomlkit's containers share no public type
    for name in table:
        inner = tomlkit.table(is_super_table=name != table[-1])
        place.append(name, inner)
        place = inner
    _fill(place, entries)
    return tomlkit.dumps(document)


def replace(path: Path, text: str, *, before: str) -> None:
    """Puts the text in the file's place, with its mode and owner; refuses where the file is not as it was read."""
    with _told(path):
        real = path.resolve()
        state = real.stat()
        with _draft(real, text, state) as draft:
            if real.read_bytes() != before.encode():
                raise EditError(f"{path} was changed in the meantime; nothing was written, so run the command again")
            draft.replace(real)
            _settle(real.parent)


def create(path: Path, text: str) -> None:
    """Writes a new file that its owner alone may read; refuses where there is one already."""
    with _told(path):
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with _draft(path, text) as draft:
            path.hardlink_to(draft)  # unlike a rename it replaces nothing
            _settle(path.parent)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise EditError(f"{path} is there already, and is not overwritten") from None
    except OSError as error:
        raise EditError(f"{path} can't be written ({os.strerror(error.errno or 0)})") from error


@contextmanager
def _draft(path: Path, text: str, state: os.stat_result | None = None) -> Iterator[Path]:
    """The text on disk under another name beside the file, gone afterwards."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "wb") as file:
            if state is not None:
                if (state.st_uid, state.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(number, state.st_uid, state.st_gid)
                os.fchmod(number, state.st_mode & 0o7777)
            file.write(text.encode())
            file.flush()
            os.fsync(number)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _settle(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _with(document: Mapping[str, Any], table: Sequence[str], entries: Sequence[Entry]) -> dict[str, Any]:
    """What the document says when the entries are in it."""
    if not table:
        there = sorted(entry.key for entry in entries if entry.key in document)
        if there:
            raise ValueError(f"{', '.join(there)} is there already")
        return {**document, **{entry.key: entry.value for entry in entries}}
    inner = document.get(table[0], {}) if len(table) == 1 else document[table[0]]
    return {**document, table[0]: _with(inner, table[1:], entries)}


def _spliced(text: str, table: tuple[str, ...], entries: Sequence[Entry]) -> str:
    lines, end = text.split("\n"), "\r\n" if "\r\n" in text else "\n"
    places = line_of_each_key(text)
    there = table in places and _last_line(lines, places, table)
    last = there or max(line for path, line in places.items() if path[: len(table) - 1] == table[:-1])
    head, tail = _cut(lines, last)
    if head and not head.endswith("\n"):
        head += end
    if there:
        grown = _grown(head, table, entries)
        if grown.startswith(head):
            grown = head + grown[len(head) :].replace("\n", end)
        return grown + tail
    return head + ("\n" + section(table, entries)).replace("\n", end) + tail


def _last_line(lines: Sequence[str], places: Mapping[KeyPath, int], table: KeyPath) -> int:
    """The line where the table's own last key begins, before any table inside it; 0 where it has but such tables."""
    inside = {path: line for path, line in places.items() if path[: len(table)] == table}
    headings = [
        line
        for path, line in inside.items()
        if path != table and all(isinstance(part, str) for part in path) and lines[line - 1].lstrip().startswith("[")
    ]
    first = min(headings, default=len(lines) + 1)
    return max((line for line in inside.values() if line < first), default=0)


def _cut(lines: Sequence[str], last: int) -> tuple[str, str]:
    """The text up to the end of the value that begins in this line, with the comments right below it; and the rest."""
    while not _whole("".join(f"{line}\n" for line in lines[:last])):
        last += 1
    below = last
    while below < len(lines) and lines[below].lstrip().startswith("#"):
        below += 1
    if below == len(lines) or not lines[below].strip():  # else they speak of what follows
        last = below
    head = "".join(f"{line}\n" for line in lines[:last])
    return (head, "\n".join(lines[last:])) if last < len(lines) else ("\n".join(lines), "")


def _whole(text: str) -> bool:
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError:
        return False
    return True


def _grown(head: str, table: Sequence[str], entries: Sequence[Entry]) -> str:
    import tomlkit  # noqa: PLC0415 - only needed where something is written

    document = tomlkit.parse(head)
    place: Any = document  # tomlkit's containers share no public type
    for name in table:
        place = place[name]
    _fill(place, entries)
    return tomlkit.dumps(document)


def _fill(place: Any, entries: Sequence[Entry]) -> None:  # tomlkit's containers share no public type
    import tomlkit  # noqa: PLC0415 - only needed where something is written
    from tomlkit.items import InlineTable  # noqa: PLC0415 - likewise

    for entry in entries:
        value = tomlkit.string(entry.value)
        note = " ".join("".join(letter if letter.isprintable() else " " for letter in entry.note).split())
        if note and not isinstance(place, InlineTable):
            value.comment(note)
        place.append(entry.key, value)


def _only_adds(before: str, after: str) -> bool:
    """Whether every letter of the text is still there, in its order."""
    letters = iter(after)
    return all(letter in letters for letter in before)
