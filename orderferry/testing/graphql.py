"""A small GraphQL executor for simulators: it reads documents honestly, and refuses what its schema does not have.

It knows what plugins send: one operation with variables, arguments, aliases and nested fields; no fragments, directives
or introspection. A resolver answers plain dicts; a value in them that is callable is called with the field's arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

_TOKEN = re.compile(r'[\s,]+|#[^\n]*|(\w+|-?\d[\d.eE+-]*|"(?:[^"\\\n]|\\.)*"|[{}()\[\]:!$=])')
_LEAVES: dict[str, type | tuple[type, ...]] = {
    "Int": int,
    "Float": (int, float),
    "Boolean": bool,
    "String": str,
    "ID": str,
}


class InvalidDocument(Exception):  # noqa: N818 - it is an answer of the platform, not a failure of ours
    """The document or its variables don't fit the schema; `code` as the platforms' `extensions.code`."""

    def __init__(self, message: str, code: str = "GRAPHQL_VALIDATION_FAILED") -> None:
        super().__init__(message)
        self.code = code


class Field(Struct):
    """A field of a type: its own type as it is written, and those of its arguments."""

    type: str
    arguments: dict[str, str]


class Selection(Struct):
    """A field that is asked for; the values of `arguments` may be `Variable`s."""

    name: str
    alias: str
    arguments: dict[str, Any]
    selections: list[Selection]


class Variable(Struct, frozen=True):
    """Stands for the value that comes with the request."""

    name: str


class Document(Struct):
    """One operation: "query" or "mutation", its name, the types of its variables, what it asks for."""

    kind: str
    name: str
    variables: dict[str, str]
    selections: list[Selection]


class Schema:
    """Types and inputs, in the schema language: `type X { field(argument: T): T! }`, `input Y { field: T }`.

    Whatever is named in it but not declared is a leaf. `queries` and `mutations` are the two root types' names.
    """

    def __init__(self, text: str, *, queries: str = "QueryRoot", mutations: str = "Mutation") -> None:
        self.types: dict[str, dict[str, Field]] = {}
        self.inputs: dict[str, dict[str, str]] = {}
        self.roots = {"query": queries, "mutation": mutations}
        tokens = Tokens(text)
        while tokens.more:
            kind, name = tokens.next(), tokens.next()
            fields = tokens.fields()
            if kind == "type":
                self.types[name] = fields
            else:
                self.inputs[name] = {key: field.type for key, field in fields.items()}

    def execute(
        self,
        text: str,
        variables: Mapping[str, Any],
        resolvers: Mapping[str, Callable[..., Any]],
    ) -> dict[str, Any]:
        """Carries out the one operation of a document; raises `InvalidDocument` before anything is done."""
        document = parse(text)
        for name, kind in document.variables.items():
            self._check_value(kind, variables.get(name), f"${name}")
        if unknown := variables.keys() - document.variables.keys():
            raise InvalidDocument(f"unknown variables: {', '.join(sorted(unknown))}")
        root = self.roots[document.kind]
        self._check(root, document.selections, document.variables)
        return {
            one.alias: self._shown(
                self.types[root][one.name].type,
                resolvers[one.name](**_given(one.arguments, variables)),
                one.selections,
                variables,
            )
            for one in document.selections
        }

    def _check(self, owner: str, selections: list[Selection], variables: Mapping[str, str]) -> None:
        for one in selections:
            field = self.types[owner].get(one.name)
            if field is None:
                raise InvalidDocument(f"Field '{one.name}' doesn't exist on type '{owner}'", "undefinedField")
            for name in one.arguments:
                if name not in field.arguments:
                    where = f"Field '{one.name}' of '{owner}'"
                    raise InvalidDocument(f"{where} doesn't accept argument '{name}'", "argumentNotAccepted")
            for name, kind in field.arguments.items():
                if kind.endswith("!") and name not in one.arguments:
                    raise InvalidDocument(f"Field '{one.name}' needs '{name}'", "missingRequiredArguments")
            if unknown := set(_variables(one.arguments)) - variables.keys():
                raise InvalidDocument(f"variables that are not declared: {', '.join(sorted(unknown))}")
            inner = bare(field.type)
            if (inner in self.types) != bool(one.selections):
                raise InvalidDocument(f"Field '{one.name}' must {'' if inner in self.types else 'not '}have selections")
            if one.selections:
                self._check(inner, one.selections, variables)

    def _check_value(self, kind: str, value: Any, where: str) -> None:
        if kind.endswith("!"):
            if value is None:
                raise InvalidDocument(f"{where} of type {kind} was provided invalid value", "INVALID_VARIABLE")
            kind = kind[:-1]
        if value is None:
            return
        if kind.startswith("["):
            for place, entry in enumerate(value if isinstance(value, list) else [value]):
                self._check_value(kind[1:-1], entry, f"{where}.{place}")
        elif kind in self.inputs:
            fields = self.inputs[kind]
            if not isinstance(value, dict) or (unknown := value.keys() - fields.keys()):
                what = ", ".join(sorted(unknown)) if isinstance(value, dict) else "no object"
                raise InvalidDocument(f"{where}: {what} is not defined on {kind}", "INVALID_VARIABLE")
            for name, inner in fields.items():
                self._check_value(inner, value.get(name), f"{where}.{name}")
        elif kind in _LEAVES and (not isinstance(value, _LEAVES[kind]) or (kind == "Int" and isinstance(value, bool))):
            raise InvalidDocument(f"{where} is no {kind}", "INVALID_VARIABLE")

    def _shown(self, kind: str, value: Any, selections: list[Selection], variables: Mapping[str, Any]) -> Any:
        if value is None or not selections:
            return value
        if isinstance(value, list):
            return [self._shown(kind, entry, selections, variables) for entry in value]
        shown = {}
        for one in selections:
            found = value[one.name]
            if callable(found):
                found = found(**_given(one.arguments, variables))
            field = self.types[bare(kind)][one.name]
            shown[one.alias] = self._shown(field.type, found, one.selections, variables)
        return shown


class Tokens:
    """The words of a text in GraphQL's language."""

    def __init__(self, text: str) -> None:
        self._words = [*_words(text)]
        self._at = 0

    @property
    def more(self) -> bool:
        """Whether any is left."""
        return self._at < len(self._words)

    def peek(self) -> str:
        """The next word, "" at the end."""
        return self._words[self._at] if self.more else ""

    def next(self, wanted: str | None = None) -> str:
        """Takes the next word, which must be `wanted` where that is given."""
        word = self.peek()
        if not word or (wanted is not None and word != wanted):
            raise InvalidDocument(f"found {word or 'the end'} where {wanted or 'more'} was expected", "PARSE_ERROR")
        self._at += 1
        return word

    def skip(self, word: str) -> bool:
        """Takes the next word if it is this one."""
        found = self.peek() == word
        self._at += found
        return found

    def type(self) -> str:
        """A type as it is written."""
        kind = f"[{self._listed()}]" if self.skip("[") else self.next()
        return kind + ("!" if self.skip("!") else "")

    def _listed(self) -> str:
        inner = self.type()
        self.next("]")
        return inner

    def declared(self, end: str) -> dict[str, str]:
        """`name: Type = default` up to this end; the default itself is passed over."""
        found: dict[str, str] = {}
        while not self.skip(end):
            self.skip("$")
            name = self.next()
            self.next(":")
            found[name] = self.type()
            if self.skip("="):
                self.value()
        return found

    def fields(self) -> dict[str, Field]:
        """The fields of a declared type or input."""
        self.next("{")
        found: dict[str, Field] = {}
        while not self.skip("}"):
            name = self.next()
            arguments = self.declared(")") if self.skip("(") else {}
            self.next(":")
            found[name] = Field(self.type(), arguments)
        return found

    def selections(self) -> list[Selection]:
        """What stands in braces; nothing where there are none."""
        found: list[Selection] = []
        if not self.skip("{"):
            return found
        while not self.skip("}"):
            name = alias = self.next()
            if self.skip(":"):
                name = self.next()
            arguments = {}
            if self.skip("("):
                while not self.skip(")"):
                    key = self.next()
                    self.next(":")
                    arguments[key] = self.value()
            found.append(Selection(name, alias, arguments, self.selections()))
        return found

    def value(self) -> Any:
        """A value: plain Python, an enum's name as text, or a `Variable`."""
        word = self.next()
        if word == "$":
            return Variable(self.next())
        if word == "[":
            entries = []
            while not self.skip("]"):
                entries.append(self.value())
            return entries
        if word == "{":
            members = {}
            while not self.skip("}"):
                key = self.next()
                self.next(":")
                members[key] = self.value()
            return members
        if word.startswith('"'):
            return word[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        if re.fullmatch(r"-?\d+", word):
            return int(word)
        return {"true": True, "false": False, "null": None}.get(word, word)


def parse(text: str) -> Document:
    """The one operation of a document; raises `InvalidDocument`."""
    tokens = Tokens(text)
    kind = tokens.next()
    if kind not in {"query", "mutation"}:
        raise InvalidDocument(f"found {kind} where query or mutation was expected", "PARSE_ERROR")
    document = Document(kind, tokens.next(), tokens.declared(")") if tokens.skip("(") else {}, tokens.selections())
    if tokens.more or not document.selections:
        raise InvalidDocument("a document has one operation that asks for something", "PARSE_ERROR")
    return document


def bare(kind: str) -> str:
    """A type's name without its marks of lists and non-null."""
    return kind.strip("[]!")


def _words(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise InvalidDocument(f"{text[at : at + 10]!r} is not understood", "PARSE_ERROR")
        at = found.end()
        if found[1]:
            yield found[1]


def _given(arguments: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(arguments, Variable):
        return variables.get(arguments.name)
    if isinstance(arguments, dict):
        return {key: _given(value, variables) for key, value in arguments.items()}
    if isinstance(arguments, list):
        return [_given(value, variables) for value in arguments]
    return arguments


def _variables(arguments: Any) -> Iterator[str]:
    if isinstance(arguments, Variable):
        yield arguments.name
    elif isinstance(arguments, dict | list):
        for part in arguments.values() if isinstance(arguments, dict) else arguments:
            yield from _variables(part)
