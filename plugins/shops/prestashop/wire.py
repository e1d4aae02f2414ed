"""The webservice's XML: reading its answers, writing its bodies, understanding its errors.

Answers are read by defusedxml alone, which refuses entities and external references. Everything is text there; what a
number or a date means is decided where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from html import escape
from typing import TYPE_CHECKING, TypeAlias, Union

from defusedxml import ElementTree

from orderferry import Malformed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # the type alone; all parsing is defusedxml's

Field: TypeAlias = Union[str, int, Decimal, Sequence["Fields"], "Fields"]
Fields: TypeAlias = Mapping[str, Field]
"""A resource to be written: field -> its value; a mapping becomes an element, a sequence one element for each."""

_LINK = "{http://www.w3.org/1999/xlink}href"
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
TAKEN = "Cart cannot be loaded or an order has already been placed using this cart"  # said in plain text (recording 18)


class Record:
    """One resource, or one row of an association: its fields as text."""

    def __init__(self, element: Element) -> None:
        self.element = element

    def get(self, name: str) -> str:
        """The field's text, empty where there is none; of a text in several languages the first one."""
        child = self.element.find(name)
        if child is None:
            return ""
        return (child.text or child.findtext("language") or "").strip()

    def text(self, name: str) -> str:
        """The field's text; raises `Malformed` where there is none."""
        found = self.get(name)
        if not found:
            raise Malformed(f"{self.element.tag}.{name} is missing")
        return found

    def number(self, name: str) -> int:
        """The field as a whole number, 0 where it is empty."""
        found = self.get(name) or "0"
        if not re.fullmatch(r"-?\d{1,18}", found):
            raise Malformed(f"{self.element.tag}.{name} is no whole number")
        return int(found)

    def amount(self, name: str) -> Decimal:
        """The field as a decimal number; raises `Malformed` where it is none."""
        try:
            return Decimal(self.text(name))
        except InvalidOperation as error:
            raise Malformed(f"{self.element.tag}.{name} is no number") from error

    def flag(self, name: str) -> bool:
        """Whether the field is 1."""
        return self.get(name) == "1"

    @property
    def id(self) -> int:
        """The resource's id; raises `Malformed` where it has none."""
        found = self.number("id")
        if found <= 0:
            raise Malformed(f"{self.element.tag}.id is missing")
        return found

    def rows(self, association: str) -> list[Record]:
        """The rows of an association."""
        return [Record(child) for child in self.element.iterfind(f"associations/{association}/*")]

    def xml(self) -> bytes:
        """The resource as it came."""
        written: bytes = ElementTree.tostring(self.element, encoding="utf-8")
        return written

    def body(self, changed: Fields) -> bytes:
        """The whole resource with some fields changed, as a PUT takes it."""
        for name, value in changed.items():
            child = self.element.find(name)
            if child is None:
                raise Malformed(f"{self.element.tag}.{name} is missing, so it can't be changed")
            child.text = _plain(value)
        return b"<prestashop>" + self.xml() + b"</prestashop>"


def record(body: bytes) -> Record:
    """The one resource of an answer; raises ValueError where it is no such answer."""
    found = records(body)
    if len(found) != 1:
        raise ValueError(f"one resource was expected, not {len(found)}")
    return found[0]


def records(body: bytes) -> list[Record]:
    """The resources of an answer: one, or those of a list; raises ValueError where it is no such answer."""
    root = _root(body)
    if len(root) != 1 or root[0].tag == "errors":
        raise ValueError("the answer holds no resource")
    top = root[0]
    return [Record(top)] if top.find("id") is not None else [Record(child) for child in top]


def nothing(body: bytes) -> None:
    """Reads the answer to a deletion, which has no body; raises ValueError where something else answered."""
    if body.strip():
        raise ValueError("an empty answer was expected")


def rights(body: bytes) -> tuple[str, Mapping[str, frozenset[str]]]:
    """The shop's name and, of each resource that the key may use, the methods (`get`, `post` ...)."""
    api = _root(body).find("api")
    if api is None:
        raise ValueError("the answer is not the index of the webservice")
    return api.get("shopName", ""), {
        child.tag: frozenset(name for name, value in child.attrib.items() if value == "true" and name != _LINK)
        for child in api
    }


def write(resource: str, fields: Fields) -> bytes:
    """The body that makes or changes a resource; `resource` is the element's name."""
    inner = "".join(_element(name, value) for name, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><prestashop><{resource}>{inner}</{resource}></prestashop>'.encode()


def explain(body: bytes) -> str | None:
    """The webservice's own words out of an error answer; None where something else answered.

    What PHP says is left out: it may repeat a part of what was sent, and so a buyer's data.
    """
    if len(body) > 1_000_000:
        return None
    if body.strip() == TAKEN.encode():
        return TAKEN
    try:
        said = list(_errors(_root(body)))
    except ValueError:
        return None
    return "; ".join(said)[:300] or None


def _errors(root: Element) -> Iterator[str]:
    for error in root.iterfind("errors/error"):
        message = (error.findtext("message") or "").strip()
        words = "PHP reported an error" if message.startswith("[PHP") else message.partition(" The full list is")[0]
        yield f"{words} ({(error.findtext('code') or '').strip()})"


def _root(body: bytes) -> Element:
    start = body.find(b"<?xml")  # PHP may print notices before it
    try:
        root: Element = ElementTree.fromstring(body[max(start, 0) :], forbid_dtd=True)
    except ElementTree.ParseError as error:
        raise ValueError("it is no XML") from error  # the parser's message may quote it
    if root.tag != "prestashop":
        raise ValueError("it is no answer of PrestaShop's webservice")
    return root


def _element(name: str, value: Field) -> str:
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(_element(key, part) for key, part in value.items())}</{name}>"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "".join(_element(name, part) for part in value)
    return f"<{name}>{escape(_plain(value), quote=False)}</{name}>"


def _plain(value: Field) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else _ILLEGAL.sub("", str(value))
