"""How answers look: times, tables, fields, and the whole output of the verbs that list."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from daemon.cli import cli
from daemon.commands import words
from daemon.commands.words import Column, clean, cut, fields, hint, since, table, width
from tests.daemon.control_fakes import NOW, FakeHub, daemon_thread


@pytest.fixture(autouse=True)
def _in_warsaw(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Warsaw")
    time.tzset()
    monkeypatch.setattr(words, "now", lambda: NOW)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (-1, "now"),
        (-12, "12 s ago"),
        (18, "in 18 s"),
        (-89, "89 s ago"),
        (-90, "2 min ago"),
        (-3600, "60 min ago"),
        (7200, "in 2 h"),
        (-36 * 3600, "2 d ago"),
        (-365 * 86400, "365 d ago"),
    ],
)
def test_hints(seconds: int, text: str) -> None:
    assert hint(NOW + timedelta(seconds=seconds), NOW) == text


def test_times_are_local() -> None:
    assert words.when("2026-11-23T08:58:00Z") == "2026-11-23 09:58 (2 min ago)"
    assert words.when("2026-07-01T08:00:00Z", seconds=True) == "2026-07-01 10:00:00 (145 d ago)"
    assert words.when(None) == "-"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("3d", NOW - timedelta(days=3)),
        ("12h", NOW - timedelta(hours=12)),
        ("30min", NOW - timedelta(minutes=30)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2w", NOW - timedelta(weeks=2)),
        (" 90 s ", NOW - timedelta(seconds=90)),
        ("999999w", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-11-01T08:30", datetime(2026, 11, 1, 7, 30, tzinfo=UTC)),
        ("2026-11-01T08:30:00Z", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("2026-11-01T08:30:00+05:00", datetime(2026, 11, 1, 3, 30, tzinfo=UTC)),
    ],
)
def test_since(text: str, moment: datetime) -> None:
    assert since(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "d", "3", "3y", "-3d", "yesterday", "2026-13-01", "3.5d"])
def test_since_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        since(text, NOW)


def test_clean_shows_what_could_steer_a_terminal() -> None:
    assert clean("a\x1b[31m\x9bb\u202ec\nd\te\x00") == "a�[31m�b�c d e�"


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("żółć", 4), ("日本", 4), ("e\u0301", 1), ("", 0)])
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


@given(st.text(), st.integers(1, 40))
def test_what_is_cut_fits(text: str, most: int) -> None:
    assert width(cut(text, most)) <= most


@given(
    st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30), st.integers()), max_size=5),
    st.integers(20, 80),
)
def test_no_line_of_a_table_is_wider_than_the_terminal(rows: list[tuple[str, str, int]], most: int) -> None:
    columns = [Column("A"), Column("B", elastic=True), Column("C", right=True)]
    lines = table(columns, rows, most)
    assert len(lines) == len(rows) + 1
    assert all(width(line) <= most and "\n" not in line for line in lines)


def test_a_table_is_aligned_also_where_letters_are_wide() -> None:
    rows = [("日本", 1), ("ż", 22), (None, None)]
    assert table([Column("NAME"), Column("N", right=True)], rows, None) == [
        "NAME   N",
        "日本   1",
        "ż     22",
        "-      -",
    ]


def test_the_widest_elastic_column_gives_way_first() -> None:
    columns = [Column("ID"), Column("LONG", elastic=True), Column("SHORT", elastic=True)]
    assert table(columns, [("1", "x" * 30, "y" * 10)], 30) == [
        "ID  LONG            SHORT",
        "1   xxxxxxxxxxxxx…  yyyyyyyyyy",
    ]


def test_fields_leave_out_what_is_not_there() -> None:
    assert fields([("a", None), ("bb", "x"), ("c", 0), ("d", "")]) == ["bb  x", "c   0"]


LISTS = ["status", "accounts", "accounts my-shop", "orders --warnings", "show 12", "plan 12", "explain 12", "jobs"]


@pytest.mark.parametrize("line", LISTS)
def test_output_as_a_whole(line: str, tmp_path: Path) -> None:
    path = tmp_path / "o.sock"
    with daemon_thread(FakeHub(), path):
        result = CliRunner().invoke(cli, ["--socket", str(path), *line.split()])
    golden = Path(__file__).parent / "test_cli_golden" / f"{line.replace(' ', '_').replace('--', '')}.txt"
    assert result.exit_code == 0
    assert result.stdout == golden.read_text(encoding="utf-8")
