"""Tables of a TOML file -> values of the declared types, with every mistake collected instead of the first one raised.

A complaint says what was found by its kind only, never by its content, unless that is a short word or
an address: so no secret gets into it, not even one that stands under the wrong key.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct, inspect

from daemon.core.ticking import Every
from daemon.secret_sources import WrongValueError, check_text, find_secret
from daemon.toml_lines import KeyPath
from orderferry import Duration, Secret, Url

S = TypeVar("S", bound=Struct)
T = TypeVar("T")

SHORT = 15
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")


class Problem(Struct, frozen=True, kw_only=True):
    """One mistake: where it is and, in a sentence, what is wrong and what would be right.

    `line` is None where no line of the file is to blame, `key` empty where the file itself is.
    """

    file: str
    line: int | None = None
    key: str = ""
    sentence: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.key}: {self.sentence}" if self.key else f"{place}: {self.sentence}"


class TableReader:
    """Reads one file's tables; afterwards `problems` and `warnings` hold all that was met, in the order of reading."""

    def __init__(self, file: Path, lines: Mapping[KeyPath, int], environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.plain_secrets: list[str] = []  # keys whose secret stands in the file itself
        self._file = file
        self._folder = file.absolute().parent
        self._lines = lines
        self._environ = environ
        self._hinted: set[KeyPath] = set()  # keys that a complaint about a misspelt one has named already
        self._revealed: list[str] = []

    def complain(self, at: KeyPath, sentence: str) -> None:
        """Adds a problem with the value at this place."""
        self.problems.append(self._problem(at, sentence))

    def warn(self, at: KeyPath, sentence: str) -> None:
        """Adds a warning: the file is good, but the seller should know."""
        self.warnings.append(self._problem(at, sentence))

    def table(self, raw: object, at: KeyPath, write: str) -> dict[str, Any]:
        """The table at this place; complains and answers an empty one where something else stands there."""
        if isinstance(raw, dict):
            return raw
        self.complain(at, f"found {_kind(raw)}, write {write}")
        return {}

    def check_keys(
        self, table: Mapping[str, Any], known: Iterable[str], at: KeyPath, elsewhere: Mapping[str, str] | None = None
    ) -> None:
        """Complains about each key that is not known here, with the one that was probably meant.

        `elsewhere` says of known keys that are no use here where they belong.
        """
        known = tuple(known)
        for key in table:
            if elsewhere and key in elsewhere and key not in known:
                self.complain((*at, key), f"is not a key here, it belongs to {elsewhere[key]}")
            elif key not in known:
                meant = closest(key, known)
                if meant is not None and meant not in table:
                    self._hinted.add((*at, meant))
                keys = f" (did you mean {meant}?)" if meant else f"; the keys here are {', '.join(known) or 'none'}"
                self.complain((*at, key), f"is not a key here{keys}")

    def struct(self, kind: type[S], table: Mapping[str, Any], at: KeyPath) -> S | None:
        """The table as this Struct; None after a complaint."""
        self.check_keys(table, (field.encode_name for field in msgspec.structs.fields(kind)), at)
        return self.known_struct(kind, table, at)

    def known_struct(self, kind: type[S], table: Mapping[str, Any], at: KeyPath) -> S | None:
        """As `struct`, but leaves keys alone that the Struct does not know."""
        before = len(self.problems)
        fields = msgspec.structs.fields(kind)
        values = self.fields(kind, (field.encode_name for field in fields), table, at)
        missing = [field for field in fields if field.required and field.encode_name not in table]
        for field in missing:
            place = (*at, field.encode_name)
            if place not in self._hinted:
                write = _write(inspect.type_info(_without_none(field.type)))
                self.complain(place, f"is missing; write {field.encode_name} = {write}")
        if missing or before != len(self.problems):
            return None
        try:
            return kind(**values)
        except (ValueError, TypeError) as error:
            self.complain(at, self._without_secrets(str(error)))
            return None

    def fields(self, kind: type[Struct], names: Iterable[str], table: Mapping[str, Any], at: KeyPath) -> dict[str, Any]:
        """The values of those named fields that the table has, each by its field's type; what is wrong is left out."""
        wanted = set(names)
        values: dict[str, Any] = {}
        for field in msgspec.structs.fields(kind):
            if field.encode_name in wanted and field.encode_name in table:
                place = (*at, field.encode_name)
                try:
                    values[field.name] = self.value(field.type, table[field.encode_name], place, filled=field.required)
                except WrongValueError as wrong:
                    if str(wrong):  # else what is inside has already been complained about
                        self.complain(place, str(wrong))
        return values

    def value(self, kind: Any, raw: Any, at: KeyPath, *, filled: bool = False) -> Any:
        """The value as this type; raises `WrongValueError`. `filled` refuses a text of blanks only."""
        inner = _without_none(kind)
        if inner is Every:  # a Struct of its own, but written as text
            return self._interval(raw, at)
        if isinstance(raw, dict) and isinstance(inner, type) and issubclass(inner, Struct):
            return _given(self.struct(inner, raw, at))
        outer, parts = get_origin(inner), get_args(inner)
        if isinstance(raw, dict) and outer in {dict, Mapping}:
            return dict(zip(raw, self._each(parts[1], raw.items(), at), strict=True))
        if isinstance(raw, list) and (outer in {list, set, frozenset} or (outer is tuple and parts[1:] == (...,))):
            return outer(self._each(parts[0], enumerate(raw), at))
        info = inspect.type_info(inner)
        if isinstance(raw, str) and (filled or isinstance(info, inspect.CustomType)):
            check_text(raw)
        if isinstance(raw, date) and isinstance(info, inspect.DateTimeType):
            raw = _moment(raw)

        def read(custom: type, given: Any) -> Any:
            return self._custom(custom, given, at)

        try:
            return msgspec.convert(raw, kind, dec_hook=read)
        except msgspec.ValidationError as error:
            raise WrongValueError(_sentence(error, info, raw)) from None
        except NotImplementedError:
            raise WrongValueError("has a type that config.toml cannot hold, which is a bug of its platform") from None

    def _each(self, kind: Any, items: Iterable[tuple[str | int, Any]], at: KeyPath) -> list[Any]:
        values, before = [], len(self.problems)
        for part, raw in items:
            try:
                values.append(self.value(kind, raw, (*at, part)))
            except WrongValueError as wrong:
                if str(wrong):
                    self.complain((*at, part), str(wrong))
        return _given(values if before == len(self.problems) else None)

    def _custom(self, kind: type, raw: Any, at: KeyPath) -> object:
        if kind is Secret:
            return self._secret(raw, at)
        if not isinstance(raw, str):
            raise WrongValueError(f"found {_kind(raw)}, write {_WRITE.get(kind, 'text in quotes')}")
        check_text(raw)
        if kind is Path:
            return self.path(raw)
        if kind is Url and "@" in raw:  # what stands before it may be a password
            raise WrongValueError("an address must not carry a name or a password; give them as settings of their own")
        if kind is Url and not raw.startswith(("http://", "https://")):
            raise WrongValueError(f"found text that is no address, write {_WRITE[Url]}")
        if kind is Duration and len(raw) > SHORT:
            raise WrongValueError(f"found text that is no duration, write {_WRITE[Duration]}")
        if parse := _PARSE.get(kind):
            return parse(raw)
        raise NotImplementedError

    def _interval(self, raw: object, at: KeyPath) -> object:
        try:
            return self._custom(Every, raw, at)
        except ValueError as error:
            raise WrongValueError(str(error)) from None

    def path(self, text: str) -> Path:
        """A path as the file means it: from the file's own folder, or from the home folder after "~/"."""
        home = self._environ.get("HOME")
        if text.startswith("~/") and home:
            return Path(home, text[2:])
        return self._folder / text

    def _secret(self, raw: object, at: KeyPath) -> Secret:
        if not isinstance(raw, str | dict):
            raise WrongValueError(f"found {_kind(raw)}, write {_WRITE[Secret]}")
        found = find_secret(raw, self.path, self._environ)
        if found.plain:
            self.plain_secrets.append(shown(at))
        if found.warning:
            self.warn(at, found.warning)
        self._revealed.append(found.text)
        return Secret(found.text)

    def _without_secrets(self, text: str) -> str:
        for secret in sorted(self._revealed, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _problem(self, at: KeyPath, sentence: str) -> Problem:
        place = at
        while place and place not in self._lines:
            place = place[:-1]
        line = self._lines[place] if place else None
        return Problem(file=str(self._file), line=line, key=shown(at), sentence=sentence)


def closest(found: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    by_lower = {word.lower(): word for word in known}
    close = difflib.get_close_matches(found.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def shown(path: KeyPath) -> str:
    """A key path as one would write it: shops.my-shop.url."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else json.dumps(part[:60], ensure_ascii=False)
            text += f".{key}" if text else key
    return text


def quoted(words: Iterable[object]) -> str:
    """Words for a sentence: "a", "b", "c"."""
    return ", ".join(json.dumps(word, ensure_ascii=False) for word in words)


def seen(word: str) -> str:
    """A word that was found, where it is so short that it can't be a secret in the wrong place."""
    return quoted([word]) if len(word) <= SHORT else "text"


def _given(value: T | None) -> T:
    if value is None:
        raise WrongValueError
    return value


def _without_none(kind: Any) -> Any:
    others = [part for part in get_args(kind) if part is not type(None)]
    return others[0] if type(None) in get_args(kind) and len(others) == 1 else kind


def _moment(day: date) -> datetime:
    if not isinstance(day, datetime):
        day = datetime.combine(day, time())
    try:
        return day.astimezone(UTC)  # without an offset it is meant in this machine's time zone
    except (OverflowError, ValueError, OSError):
        raise WrongValueError("found a date beyond the calendar, write one such as 2026-01-31") from None


def _sentence(error: msgspec.ValidationError, info: inspect.Type, raw: object) -> str:
    text, _, inside = str(error).partition(" - at `$")
    where = f"in {inside.rstrip('`').lstrip('.')}: " if inside else ""
    cause = error.__cause__
    if isinstance(cause, ValueError):
        return where + str(cause)
    if isinstance(info, inspect.LiteralType | inspect.EnumType) and isinstance(raw, str | int):
        words = _words(info)
        meant = closest(str(raw), map(str, words))
        hint = f" (did you mean {quoted([meant])}?)" if meant else ""
        return f"found {seen(str(raw))}, write one of {quoted(words)}{hint}"
    if where:
        return where + text.replace("`", "").replace("Expected", "expected")
    limit = re.fullmatch(r"Expected `\w+` (.+)", text)
    return f"found {_kind(raw)}, write {_write(info)}{' ' + limit[1] if limit else ''}"


def _words(info: inspect.LiteralType | inspect.EnumType) -> list[object]:
    if isinstance(info, inspect.LiteralType):
        return list(info.values)
    return [member.value for member in info.cls]


def _kind(raw: object) -> str:
    return next((words for kind, words in _FOUND if isinstance(raw, kind)), "something else")


_FOUND: tuple[tuple[type, str], ...] = (
    (str, "text"),
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (dict, "a table"),
    (list, "a list"),
    (date, "a date"),
    (time, "a time of day"),
)

_PARSE: Mapping[type, Callable[[str], object]] = {Url: Url.parse, Duration: Duration.parse, Every: Every.parse}

_WRITE: Mapping[type, str] = {
    Duration: 'a duration such as "5m"',
    Every: 'an interval such as "1h", or "at once", or "off"',
    Secret: 'text in "quotes" or { file = "..." }',
    Url: 'an address such as "https://shop.example"',
    Path: 'a path in "quotes"',
    inspect.StrType: 'text in "quotes"',
    inspect.BoolType: "true or false",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.DecimalType: "a number",
    inspect.DateTimeType: "a date such as 2026-01-31",
    inspect.DateType: "a date such as 2026-01-31",
    inspect.StructType: "a table",
    inspect.DictType: "a table",
    inspect.UnionType: 'a number, or text in "quotes"',
}


def _write(info: inspect.Type) -> str:
    if isinstance(info, inspect.CustomType):
        return _WRITE.get(info.cls, "another value")
    if isinstance(info, inspect.LiteralType | inspect.EnumType):
        return f"one of {quoted(_words(info))}"
    return _WRITE.get(type(info), "a list in [brackets]")
