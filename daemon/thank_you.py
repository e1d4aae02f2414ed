"""The templates of the thank-you mail: those that come with the program, and the seller's own in their place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from daemon.core.routing import MAIL
from daemon.core.thanking import LANGUAGES, Fault, Language, Letters, Part, Templates, faults
from daemon.toml_lines import KeyPath
from daemon.toml_values import Problem, TableReader

LARGEST = 256 * 1024
PLACE: KeyPath = (MAIL, "thank_you")


class ThankYouSettings(Struct, frozen=True, kw_only=True):
    """[mail.thank_you]: the mail's language, and the seller's own templates (a line of text, and two files)."""

    language: Literal["pl", "en", "auto"] = "auto"
    subject: str | None = None
    text: Path | None = None
    html: Path | None = None


def read(reader: TableReader, document: Mapping[str, Any], sections: Iterable[str]) -> Letters | None:
    """The templates that [mail.thank_you] says, each tried on sample orders; None without [mail], or after a complaint.

    With a text of the seller's own the mail has his HTML or none, since the supplied one says something else.
    `sections` hold the other accounts: none may have the mail server's name, or thank buyers where there is none.
    """
    for section in sections:
        _check_accounts(reader, document, section)
    if MAIL not in document:
        return None
    given = reader.table(document[MAIL], (MAIL,), "[mail] and its keys").get("thank_you", {})
    settings = reader.struct(ThankYouSettings, reader.table(given, PLACE, "[mail.thank_you] and its keys"), PLACE)
    if settings is None:
        return None
    if settings.html is not None and settings.text is None:
        reader.complain((*PLACE, "html"), "needs a text beside it, for mail programs that show no HTML")
        return None
    before = len(reader.problems)
    text = _content(reader, settings.text, Part.TEXT)
    html = _content(reader, settings.html, Part.HTML)
    templates: dict[Language, Templates] = {}
    for language in LANGUAGES:
        found = supplied(language)
        if settings.subject is not None:
            found = replace(found, subject=settings.subject)
        if text is not None:
            found = replace(found, text=text, html=html)
        templates[language] = found
    if before != len(reader.problems):
        return None
    wanted = LANGUAGES if settings.language == "auto" else (settings.language,)
    told = {(fault.part, fault.line): fault for one in wanted for fault in faults(templates[one], one)}
    for fault in told.values():
        _complain(reader, settings, fault)
    return None if told else Letters(language=settings.language, templates=templates)


def _check_accounts(reader: TableReader, document: Mapping[str, Any], section: str) -> None:
    tables = document.get(section)
    for name, table in tables.items() if isinstance(tables, dict) else ():
        if MAIL in document and name == MAIL:
            reader.complain((section, name), f"the mail server has the name {MAIL}; give this account another one")
        if MAIL not in document and isinstance(table, dict) and table.get("thank_you") is True:
            reader.complain((section, name, "thank_you"), "needs a mail server; write [mail] and its keys")


def supplied(language: Language) -> Templates:
    """The templates that come with the program."""
    folder = resources.files("daemon") / "templates"
    subject, text, html = (
        (folder / f"thank_you.{language}.{ending}").read_text(encoding="utf-8") for ending in ("subject", "txt", "html")
    )
    return Templates(subject=subject, text=text, html=html)


def _content(reader: TableReader, path: Path | None, part: Part) -> str | None:
    if path is None:
        return None
    at = (*PLACE, part.value)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            reader.complain(at, f"{path} is far too large for a mail")
            return None
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        reader.complain(at, f"{path} can't be read ({os.strerror(error.errno or 0)})")
    except UnicodeDecodeError:
        reader.complain(at, f"{path} is not a text in UTF-8")
    return None


def _complain(reader: TableReader, settings: ThankYouSettings, fault: Fault) -> None:
    path = {Part.TEXT: settings.text, Part.HTML: settings.html, Part.SUBJECT: None}[fault.part]
    sentence = f"the template can't be used: {fault.sentence}"
    if path is None:
        reader.complain((*PLACE, fault.part.value), sentence)
    else:
        reader.problems.append(Problem(file=str(path), line=fault.line, sentence=sentence))
