"""`orderferry import`, against a daemon that answers from a script: what is asked, said, and the exit code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.cli import cli
from daemon.commands import importing
from daemon.views import AccountView, CommandError, ImportedOrder, ImportView
from tests.daemon.control_fakes import FakeHub, daemon_thread
from tests.daemon.control_views import account

UID = os.getuid()
Run = Callable[..., Result]
GOOD = "number;sku;quantity;price;currency;pickup_point;Spare\n1;A;1;2,50;PLN;P1;x\n2;B;1;1,00;PLN;P1;\n"


class Importing(FakeHub):
    """Its accounts for imports, and what it refuses, are what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.imports: dict[str, str | None] = {}
        self.refuses: dict[str, str] = {}

    async def accounts(self) -> tuple[AccountView, ...]:
        given = (account(name, platform="", role="import", mapping=path) for name, path in self.imports.items())
        return (*await super().accounts(), *given)

    async def import_orders(self, *given: object, **named: object) -> ImportView:  # as in the hub
        view = await super().import_orders(*given, **named)  # type: ignore[arg-type] # handed on as they came
        told = tuple(
            ImportedOrder(external_id=one.external_id, verdict="refused", reason=self.refuses[one.external_id])
            if one.external_id in self.refuses
            else one
            for one in view.orders
        )
        return ImportView(
            **{name: getattr(view, name) for name in view.__struct_fields__ if name != "orders"}, orders=told
        )


@pytest.fixture
def hub() -> Importing:
    return Importing()


@pytest.fixture
def run(hub: Importing, tmp_path: Path) -> Iterator[Run]:
    path = tmp_path / "o.sock"

    def invoke(*args: str) -> Result:
        return CliRunner(env={"ORDERFERRY_SOCKET": str(path)}).invoke(cli, ["import", *args], prog_name="orderferry")

    with daemon_thread(hub, path):
        yield invoke


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(GOOD)
    return path


def test_orders_are_handed_to_the_one_account_there_is(run: Run, hub: Importing, file: Path) -> None:
    said = run(str(file))
    assert (said.exit_code, said.stdout) == (0, "import: 2 new, 0 changed, 0 known already\n")
    assert 'CSV, separated by ";", UTF-8' in said.stderr
    assert "orders.csv: not used: Spare" in said.stderr
    hub.imports["wholesale"] = None
    assert run(str(file), "--dry-run").stdout.startswith("wholesale: 2 new")
    assert hub.commands == [
        ("import_orders", "import", ("1", "2"), 0, True, False, UID),
        ("import_orders", "wholesale", ("1", "2"), 0, True, True, UID),
    ]


def test_of_several_accounts_one_is_named(run: Run, hub: Importing, file: Path) -> None:
    hub.imports |= {"a": None, "b": None}
    refused = run(str(file))
    assert (refused.exit_code, "--account a or --account b" in refused.stderr) == (2, True)
    assert run(str(file), "--account", "b").stdout.startswith("b: ")


def test_the_mapping_is_the_account_s_unless_another_is_given(
    run: Run, hub: Importing, file: Path, tmp_path: Path
) -> None:
    file.write_text(GOOD.replace("price;", "Preis;"))
    ours, theirs = tmp_path / "ours.toml", tmp_path / "theirs.toml"
    ours.write_text('[columns]\nprice = "Preis"\n')
    theirs.write_text('[columns]\nprce = "Preis"\n')
    hub.imports["a"] = str(ours)
    assert run(str(file)).exit_code == 0
    wrong = run(str(file), "--mapping", str(theirs))
    assert wrong.exit_code == 1
    assert "theirs.toml:2: columns.prce: is not a key here (did you mean price?)" in wrong.stderr
    gone = run(str(file), "--mapping", str(tmp_path / "gone.toml"))
    assert (gone.exit_code, "can't be read" in gone.stderr) == (1, True)


def test_bad_rows_and_refused_orders_are_told_and_counted(run: Run, hub: Importing, file: Path) -> None:
    file.write_text(GOOD + "3;C;x;1;PLN;P1;\n;C;1;1;PLN;P1;\n1;A;1;1;PLN;P1;\n")
    hub.refuses["2"] = "it is older"
    said = run(str(file))
    assert said.exit_code == 1
    assert "! orders.csv, line 4, order 3: quantity: is not a number" in said.stdout
    assert "! orders.csv, line 5: the order's number is missing" in said.stdout
    assert "! orders.csv, line 6, order 1: the number came before" in said.stdout
    assert "! orders.csv, order 2: it is older" in said.stdout
    assert "4 could not be taken; mend them in the file" in said.stderr
    assert hub.commands[0][3] == 1, "only what has a number of its own is kept by the hub"


def test_json_is_a_line_for_each_bad_row_and_one_at_the_end(run: Run, file: Path) -> None:
    file.write_text(GOOD + "3;C;x;1;PLN;P1;\n")
    lines = [json.loads(line) for line in run(str(file), "--json").stdout.splitlines()]
    assert lines == [
        {"line": 4, "order": "3", "reason": "quantity: is not a number such as 12,50"},
        {"account": "import", "new": 2, "changed": 0, "same": 0, "bad": 1, "dry_run": False, "done": True},
    ]


def test_a_file_that_breaks_half_way_says_what_was_taken_before(run: Run, file: Path) -> None:
    rows = "".join(f"N{number};A;1;2,50;PLN;P1;\n" for number in range(300))
    file.write_text(GOOD + rows + '9;"A;1;2,50;PLN;P1;\n')
    said = run(str(file))
    assert said.exit_code == 1
    assert said.stdout == "import: 200 new, 0 changed, 0 known already\n"
    assert "orders.csv: line 304: can't be read as CSV from here on" in said.stderr


def test_columns_that_say_nothing_give_a_mapping_to_begin_with(run: Run, file: Path) -> None:
    file.write_text("a;sku\n1;2\n")
    said = run(str(file))
    assert said.exit_code == 1
    assert said.stdout.startswith("# Which column")
    assert "no column for number" in said.stderr
    assert "give yours with --mapping" in said.stderr


def test_a_file_that_is_not_there_and_a_daemon_that_refuses(run: Run, hub: Importing, file: Path) -> None:
    gone = run(str(file.with_name("gone.csv")))
    assert (gone.exit_code, "gone.csv: can't be read: No such file" in gone.stderr) == (1, True)
    hub.fails["import_orders"] = CommandError("conflict", "import is paused")
    assert run(str(file)).exit_code == 5


def test_no_batch_is_longer_than_the_control_api_takes(run: Run, hub: Importing, file: Path) -> None:
    order = [f"1;{'ż' * 28};1;2,50;PLN;P1;" for _ in range(2000)]
    bad = [f"b{number};{chr(7) * 2000};x;2,50;PLN;P1;" for number in range(150)]
    file.write_text(GOOD.splitlines()[0] + "\n" + "\n".join([*order, *bad]), encoding="utf-8")
    said = run(str(file))
    assert "import: 1 new, 0 changed, 0 known already, 150 could not be taken" in said.stdout
    assert len(hub.commands) > 2


def test_on_a_large_file_progress_is_shown(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PROGRESS_EVERY", 0.0)
    file.write_text(GOOD + "".join(f"N{number};A;1;2,50;PLN;P1;\n" for number in range(500)))
    progress = [line for line in run(str(file)).stderr.splitlines() if "so far" in line]
    assert len(progress) == 3
    assert progress[-1] == "orders.csv: 100 %, 502 new, 0 changed, 0 known already so far"
