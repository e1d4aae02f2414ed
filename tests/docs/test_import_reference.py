"""docs/reference/import-files.md has every field, name, key and limit of an import, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import tomli

from daemon.core.import_fields import FIELDS, LISTS_OF_LINES, LISTS_OF_ORDERS, FileShape
from daemon.core.import_values import yes
from daemon.imports.faults import MAX_RECORD
from daemon.imports.mapping import read_mapping
from orderferry import PaymentKind

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "import-files.md").read_text("utf-8")


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def words(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


@pytest.mark.parametrize(("heading", "of_line"), [("Fields of an order", False), ("Fields of a line", True)])
def test_the_fields_are_those_of_the_program(heading: str, of_line: bool) -> None:
    rows = [row.split(" | ") for row in re.findall(r"^\| (`\w+` .*?) ?\|$", section(heading), re.MULTILINE)]
    written = {words(field)[0]: (about, words(names), words(inside)) for field, about, names, inside in rows}
    assert written == {
        field: (about.about, [*about.names], [*about.inside])
        for field, about in FIELDS.items()
        if about.of_line is of_line
    }


def test_the_keys_of_file_are_those_of_the_program() -> None:
    keys = re.findall(r"^\| `(\w+)` \| text \|", section("The mapping file"), re.MULTILINE)
    assert keys == [field.name for field in msgspec.structs.fields(FileShape)]


def test_the_example_of_a_mapping_can_be_read_and_the_kinds_of_payment_are_all_there(tmp_path: Path) -> None:
    example = section("The mapping file").partition("```text\n")[2].partition("```")[0]
    (tmp_path / "mapping.toml").write_text(example, encoding="utf-8")
    assert {*tomli.loads(example)} == {"file", "columns", "defaults", "payments"}
    assert read_mapping(tmp_path / "mapping.toml").defaults["country"] == "PL"
    assert {kind.value for kind in PaymentKind} <= set(words(section("The mapping file")))


def test_the_names_of_lists_and_the_limits_are_those_of_the_program() -> None:
    formats = section("Formats")
    json = next(row for row in formats.splitlines() if row.startswith("| JSON"))
    assert set(words(json)) == LISTS_OF_ORDERS
    lines = formats.partition("lines are the list under")[2].partition(";")[0]
    assert set(words(lines)) == LISTS_OF_LINES
    assert f"{MAX_RECORD:,} characters" in formats


def test_yes_and_no_are_read_as_written() -> None:
    sentence = next(line for line in section("Rules").splitlines() if line.startswith("- A yes is"))
    affirmative, negative = sentence.split(", a no ")
    assert all(yes(word) for word in words(affirmative))
    assert not any(yes(word) for word in words(negative))
