"""How the simulated shop reads bodies and filters, and how it writes its answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from aiohttp import web
from defusedxml import ElementTree

from plugins.shops.prestashop.simulator_tables import ELEMENTS, FIELDS, FORMATS, LONGEST, REQUIRED, Row

TRANSLATED = frozenset({"order_states", "countries", "taxes", "products"})  # their names are in two languages
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<prestashop xmlns:xlink="http://www.w3.org/1999/xlink">\n'


class PsError(Exception):
    """An answer that refuses; without a code it has no body, or the plain text given."""

    def __init__(self, status: int, *errors: tuple[int, str], text: str = "") -> None:
        super().__init__(text or str(errors))
        self.status = status
        self.errors = errors
        self.text = text

    def answer(self) -> web.Response:
        """The response."""
        if not self.errors:
            return web.Response(status=self.status, text=self.text)
        errors = "".join(
            f"<error>\n<code>{_cdata(code)}</code>\n<message>{_cdata(message)}</message>\n</error>\n"
            for code, message in self.errors
        )
        return xml(f"<errors>\n{errors}</errors>\n", status=self.status)


def xml(inner: str, *, status: int = 200) -> web.Response:
    """An answer of the webservice."""
    return web.Response(
        status=status,
        body=f"{HEAD}{inner}</prestashop>\n".encode(),
        headers={"Content-Type": "text/xml;charset=utf-8", "PSWS-Version": "8.2.1"},
    )


def one(resource: str, row: Row, rows: Mapping[str, Sequence[Row]] | None = None, *, fields: Sequence[str] = ()) -> str:
    """One resource; `rows` are its associations, all of its fields are shown unless some are named."""
    shown = [name for name in ("id", *FIELDS[resource]) if not fields or name in fields]
    element = ELEMENTS[resource]
    parts = "".join(f"\t{_field(resource, name, row.get(name, ''))}\n" for name in shown)
    return f"<{element}>\n{parts}{_associations(rows) if not fields else ''}</{element}>\n"


def fields_of(resource: str, query: Mapping[str, str]) -> tuple[str, ...] | None:
    """The fields that `display` asks for: none named for "full", None where only ids are asked for."""
    display = query.get("display")
    if display is None:
        return None
    if display == "full":
        return ()
    wanted = tuple(display.strip("[]").split(","))
    unknown = [name for name in wanted if name not in {"id", *FIELDS[resource]}]
    if unknown:
        raise PsError(400, (35, f'Unable to display this field "{unknown[0]}".'))
    return wanted


def select(resource: str, rows: Iterable[Row], query: Mapping[str, str]) -> list[Row]:
    """The rows that pass the filters, sorted and limited as asked."""
    found = sorted(rows, key=lambda row: int(row["id"]))
    for parameter, value in query.items():
        match = re.fullmatch(r"filter\[(\w+)\]", parameter)
        if match:
            name = match[1]
            dated = name not in {"date_add", "date_upd"} or query.get("date") == "1"
            if name not in {"id", *FIELDS[resource]} or name == "shipping_number" or not dated:
                raise PsError(500, (32, f'This filter does not exist. Did you mean: "id"? The full list is: "{name}"'))
            found = [row for row in found if _passes(value, row.get(name, ""))]
    for part in reversed(query.get("sort", "").strip("[]").split(",")):
        name, _, direction = part.rpartition("_")
        if name:
            found.sort(key=lambda row: _order(row.get(name, "")), reverse=direction == "DESC")
    limit = query.get("limit")
    if limit:
        start, _, count = limit.rpartition(",")
        found = found[int(start or 0) :][: int(count)]
    return found


def posted(resource: str, body: bytes) -> tuple[Row, dict[str, list[Row]]]:
    """The fields and the associations of a body; malformed XML is refused as PHP does it."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        warning = "[PHP Warning #2] SimpleXMLElement::__construct(): Entity: line 1: parser error"
        errors = ((3, warning), (127, "")) if body else ((127, ""),)
        raise PsError(500, *errors) from None
    element = root.find(ELEMENTS[resource])
    if element is None:
        raise PsError(500, (127, ""))
    fields = {child.tag: (child.text or "").strip() for child in element if child.tag != "associations"}
    associations = {
        group.tag: [{part.tag: (part.text or "").strip() for part in row} for row in group]
        for group in element.iterfind("associations/*")
    }
    return fields, associations


def validate(resource: str, fields: Row, *, whole: bool) -> None:
    """Refuses what the webservice refuses: what is missing, too long, or of a wrong form."""
    name = "".join(word.title() for word in ELEMENTS[resource].split("_"))
    for field in REQUIRED.get(resource, ()) if whole else ():
        if field not in fields:
            raise PsError(400, (41, f'parameter "{field}" required'))
        if not fields[field]:
            raise PsError(400, (85, f'Validation error: "Property {name}->{field} is empty."'))
    for field, longest in LONGEST.get(resource, {}).items():
        length = len(fields.get(field, ""))
        if length > longest:
            said = f"The length of property {name}->{field} is currently {length} chars."
            raise PsError(400, (85, f'Validation error: "{said} It must be between 0 and {longest} chars."'))
    for field, form in FORMATS.get(resource, {}).items():
        if field in fields and not form.fullmatch(fields[field]):
            raise PsError(400, (85, f'Validation error: "Property {name}->{field} is not valid"'))


def _passes(value: str, there: str) -> bool:
    there = there.casefold()
    match = re.fullmatch(r"([>%]?)\[(.*)\](%?)", value.casefold(), re.DOTALL)
    if match is None:
        return there == value.casefold()
    before, inner, after = match.groups()
    if before == ">":
        return there > inner
    if before or after:
        head, tail = there.startswith(inner), there.endswith(inner)
        return inner in there if before and after else tail if before else head
    if "," in inner:
        low, _, high = inner.partition(",")
        return _order(low) <= _order(there) <= _order(high)
    return there in inner.split("|")


def _order(text: str) -> tuple[int, str]:
    return (int(text), "") if re.fullmatch(r"-?\d+", text) else (0, text)


def _field(resource: str, name: str, value: str) -> str:
    if name == "name" and resource in TRANSLATED:
        languages = "".join(f'<language id="{number}">{_cdata(value)}</language>' for number in (1, 2))
        return f"<name>{languages}</name>"
    return f"<{name}>{_cdata(value)}</{name}>"


def _associations(rows: Mapping[str, Sequence[Row]] | None) -> str:
    if not rows:
        return ""
    groups = ""
    for group, entries in rows.items():
        element = group.removesuffix("s")
        inner = "".join(
            f"\t<{element}>\n"
            + "".join(f"\t<{name}>{_cdata(value)}</{name}>\n" for name, value in entry.items())
            + f"\t</{element}>\n"
            for entry in entries
        )
        groups += f"<{group}>\n{inner}</{group}>\n"
    return f"<associations>\n{groups}</associations>\n"


def _cdata(value: object) -> str:
    return f"<![CDATA[{str(value).replace(']]>', ']]]]><![CDATA[>')}]]>"
