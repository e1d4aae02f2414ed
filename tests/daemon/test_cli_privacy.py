"""`orderferry privacy`, against a daemon that answers from a script: what is asked, said, written, and refused."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.cli import cli
from tests.daemon.control_fakes import FakeHub, daemon_thread

UID = os.getuid()
Run = Callable[..., Result]


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def run(hub: FakeHub, tmp_path: Path) -> Iterator[Run]:
    path = tmp_path / "o.sock"

    def invoke(*args: str, answer: str | None = None) -> Result:
        runner = CliRunner(env={"ORDERFERRY_SOCKET": str(path), "COLUMNS": "200"})
        return runner.invoke(cli, ["privacy", *args], input=answer, prog_name="orderferry")

    with daemon_thread(hub, path):
        yield invoke


def test_the_report_says_how_long_what_is_overdue_and_why(run: Run) -> None:
    result = run("report")
    assert result.exit_code == 0, result.output
    assert "30d" in result.stdout
    assert "10d (at most 30d)" in result.stdout
    assert "! allegro-main: 21 older than 30d and not over, so their buyers' data stays" in result.stdout
    assert "it is packing, and neither sent nor cancelled: orderferry set-status 11 sent" in result.stdout
    assert "and 20 more" in result.stdout
    assert "my-shop (shop): orders are put in; status is told" in result.stdout
    assert "backups/orders-2026-11-22.db" in result.stdout
    assert json.loads(run("report", "--json").stdout)["accounts"][0]["overdue"] == 21


def test_an_export_is_a_new_file_for_its_owner_alone(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    file = tmp_path / "jan.json"
    result = run("export", "jan@example.org", "--to", str(file))
    assert result.exit_code == 0, result.output
    assert "1 orders, 1 texts that could not be read as orders" in result.stdout
    assert "200 of 400 orders looked at" in result.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = json.loads(file.read_text())
    assert (found["schema"], found["orders"][0]["id"]) == ("orderferry-buyer-data/1", 12)
    assert found["unreadable"][0]["text"] == "{broken"
    before = file.read_text()
    again = run("export", "jan@example.org", "--to", str(file))
    assert (again.exit_code, file.read_text() == before) == (2, True)
    assert hub.commands == [("privacy_export", "jan@example.org", None, None, UID)], "the second was not even asked for"


def test_an_export_goes_to_standard_output_where_no_file_is_named(run: Run, hub: FakeHub) -> None:
    result = run("export", "--login", "jan", "--account", "allegro-main")
    assert json.loads(result.stdout)["orders"][0]["id"] == 12
    assert hub.commands == [("privacy_export", None, "jan", "allegro-main", UID)]
    assert run("export", "nobody").exit_code == 4
    assert run("export").exit_code == run("export", "x", "--login", "y").exit_code == 2


def test_erasing_shows_numbers_and_asks(run: Run, hub: FakeHub) -> None:
    result = run("erase", "12", answer="n\n")
    assert result.exit_code == 1
    assert "to be erased: orders 12" in result.stdout
    assert [command[5] for command in hub.commands] == [True], "only a trial"
    result = run("erase", "12", answer="y\n")
    assert result.exit_code == 0, result.output
    assert "erased: 1 orders" in result.stdout
    assert [command[5] for command in hub.commands] == [True, True, False]


def test_what_stays_is_told_with_the_reason_and_the_command(run: Run, hub: FakeHub) -> None:
    result = run("erase", "11", "--yes")
    assert result.exit_code == 1
    assert "! order 11 stays: it is packing, and neither sent nor cancelled: orderferry set-status 11 sent" in (
        result.stdout
    )
    assert "--even-unfinished" in result.stdout
    assert len(hub.commands) == 1
    mixed = run("erase", "jan@example.org", "--yes")
    assert (mixed.exit_code, "erased: 1 orders" in mixed.stdout) == (1, True)
    both = run("erase", "jan@example.org", "--even-unfinished", "--yes", "--json")
    assert both.exit_code == 0
    assert [one["verdict"] for one in json.loads(both.stdout)["orders"]] == ["erased", "erased"]


def test_whose_data_has_to_be_said(run: Run) -> None:
    assert run("erase").exit_code == run("erase", "12", "--login", "jan").exit_code == 2
