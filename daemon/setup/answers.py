"""The questions that a platform's `Settings` raise, and the answers as they stand in config.toml."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import tomli
from msgspec import Struct

from daemon.secret_sources import WrongValueError
from daemon.setup import person
from daemon.toml_text import toml
from daemon.toml_values import TableReader
from orderferry import Secret, Settings

_YES, _NO = frozenset({"true", "yes", "y", "tak"}), frozenset({"false", "no", "n", "nie"})


class Question(Struct, frozen=True, kw_only=True):
    """A field of the settings: its key in config.toml, its type, and the platform's hint what belongs into it."""

    key: str
    kind: Any  # whatever msgspec can read
    hint: str
    required: bool
    default: Any = None

    @property
    def secret(self) -> bool:
        """Whether its answer must not be shown."""
        return Secret in {self.kind, *getattr(self.kind, "__args__", ())}


def questions(settings: type[Settings]) -> tuple[Question, ...]:
    """A question for each field."""
    return tuple(
        Question(
            key=field.encode_name,
            kind=field.type,
            hint=_sentence(settings.hints.get(field.name, "")),
            required=field.required,
            default=None if field.default is msgspec.NODEFAULT else field.default,
        )
        for field in msgspec.structs.fields(settings)
    )


def ask_settings(
    settings: type[Settings], given: Mapping[str, Any], config: Path
) -> tuple[Settings, dict[str, Any]]:  # the values are as TOML has them
    """Asks for what is required, offers what is not, and answers the settings and their table of config.toml.

    `given` are the answers of before, each of which an empty line keeps.
    """
    asked = questions(settings)
    if not settings.hints and settings.__doc__:
        person.say(inspect.cleandoc(settings.__doc__))
    while True:
        table = {one.key: _ask(one, given, config) for one in asked if one.required}
        table |= {key: value for key, value in given.items() if key not in table}
        _offer({one.key: one for one in asked if not one.required}, table, config)
        reader = TableReader(config, {}, os.environ)
        found = reader.known_struct(settings, table, ())
        if found is not None:
            return found, table
        for problem in reader.problems:
            person.say(f"  {problem.key}: {problem.sentence}" if problem.key else f"  {problem.sentence}")
        given = table


def read(question: Question, text: str, config: Path) -> Any:  # as TOML has it
    """The answer as it stands in config.toml, written there as text or as what it is; raises `WrongValueError`."""
    complaint = ""
    for value in (text, *_otherwise(text)):
        reader = TableReader(config, {}, os.environ)
        try:
            reader.value(question.kind, value, (question.key,), filled=True)
        except WrongValueError as wrong:
            inside = "; ".join(f"{problem.key}: {problem.sentence}" for problem in reader.problems)
            complaint = complaint or str(wrong) or inside
        else:
            return value
    raise WrongValueError(complaint)


def _ask(question: Question, given: Mapping[str, Any], config: Path) -> Any:  # as TOML has it
    before = given.get(question.key)
    default = None if before is None else before if isinstance(before, str) else toml(before)
    if question.hint:
        person.say(f"  {question.hint}")

    def ask() -> str:
        way = person.ask_secret if question.secret else person.ask
        return way(question.key, default=default)

    return person.until_good(ask, lambda text: read(question, text, config))


def _offer(optional: Mapping[str, Question], table: dict[str, Any], config: Path) -> None:
    """Takes lines such as `api_url = https://...` into the table, until an empty one."""
    while optional:
        line = person.ask(f"Another setting ({', '.join(optional)}) as KEY = VALUE, or Enter for none", default="")
        if not line:
            return
        key, _, text = (part.strip() for part in line.partition("="))
        if key not in optional:
            person.say(f"  {key[:40]} is not one of them.")
            continue
        try:
            table[key] = read(optional[key], text, config)
        except WrongValueError as wrong:
            person.say(f"  {key} {wrong}" if str(wrong).startswith("is ") else f"  {key}: {wrong}")


def _otherwise(text: str) -> Iterator[Any]:  # as TOML has it
    """What the answer is where it isn't a text: yes or no, a number, a list, a table."""
    if text.lower() in _YES | _NO:
        yield text.lower() in _YES
    with suppress(tomli.TOMLDecodeError):
        yield tomli.loads(f"value = {text}")["value"]


def _sentence(hint: str) -> str:
    """The hint on one line, with a capital letter."""
    text = " ".join(hint.split())
    return text[:1].upper() + text[1:]
