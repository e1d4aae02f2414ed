"""`orderferry tail`: which rows it begins with, and that a restart neither loses nor repeats one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from daemon.cli import cli
from daemon.commands import following, group, rows, words
from daemon.core.journal import Entry, Kind
from daemon.views import CommandError
from tests.daemon.control_fakes import NOW, FakeHub, daemon_thread

MADE = tuple(
    Entry(id=number, at=NOW + timedelta(minutes=number), kind=kind, order=order, account=account, data={})
    for number, kind, order, account in (
        (1, Kind.ORDER_NEW, 12, "allegro-main"),
        (2, Kind.ORDER_NEW, 11, "allegro-main"),
        (3, Kind.JOB_PARKED, 12, "my-shop"),
        (4, Kind.JOB_DONE, 11, "my-shop"),
        (5, Kind.FETCHED, None, "allegro-main"),
    )
)


@pytest.fixture
def hub() -> FakeHub:
    hub = FakeHub()
    hub.entries = MADE
    return hub


@pytest.fixture
def socket(hub: FakeHub, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "o.sock"
    with daemon_thread(hub, path):
        yield path


class Reader:
    """Reads what tail prints, and ends it with Ctrl-C after so many rows; `on` is called at a row."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[int] = []
        self.told: list[str] = []
        self.most = 0
        self.on: dict[int, Callable[[], None]] = {}
        self.hears: Callable[[], None] = lambda: None
        monkeypatch.setattr("click.echo", self._echo)

    def _echo(self, message: str = "", **given: object) -> None:
        if given.get("err") or given.get("file"):
            self.told.append(message)
            if "its last row is" in message:
                self.hears()
            return
        self.rows.append(json.loads(message)["id"])
        self.on.get(self.rows[-1], lambda: None)()
        if len(self.rows) >= self.most:
            raise KeyboardInterrupt

    def tail(self, socket: Path, most: int, *args: str) -> Result:
        self.most = most
        return CliRunner().invoke(cli, ["tail", "--json", "--socket", str(socket), *args], prog_name="orderferry")


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    return Reader(monkeypatch)


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        ([], [1, 2, 3, 4, 5]),
        (["-n", "2"], [4, 5]),
        (["--after", "3"], [4, 5]),
        (["--after", "0", "-n", "1"], [5]),
        (["--since", (NOW + timedelta(minutes=2, seconds=30)).isoformat()], [3, 4, 5]),
        (["--since", (NOW + timedelta(minutes=2)).isoformat(), "-n", "1"], [5]),
        (["--account", "my-shop"], [3, 4]),
        (["--account", "my-shop", "-n", "1"], [4]),
        (["--order", "12"], [1, 3]),
        (["--kind", "order_new"], [1, 2]),
        (["--order", "12", "--account", "my-shop"], [3]),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value[0], str) else "",
)
def test_it_begins_with_the_rows_that_are_asked_for_and_goes_on(
    hub: FakeHub, socket: Path, reader: Reader, args: list[str], shown: list[int]
) -> None:
    fits = structs.replace(MADE[shown[-1] - 1], id=8)
    hub.news.put_nowait(structs.replace(MADE[0], id=6, kind=Kind.STORE_RECOVERED, order=None, account=None))
    hub.news.put_nowait(fits)
    unfiltered = not {"--account", "--order", "--kind"} & set(args)
    expected = [*shown, *([6] if unfiltered else []), 8]
    result = reader.tail(socket, len(expected), *args)
    assert result.exit_code == group.INTERRUPTED
    assert reader.rows == expected


def test_none_of_the_old_rows_may_be_asked_for(hub: FakeHub, socket: Path, reader: Reader) -> None:
    hub.news.put_nowait(structs.replace(MADE[0], id=6))
    reader.tail(socket, 1, "-n", "0")
    assert reader.rows == [6]
    assert hub.followed_after == [5]


def test_a_long_past_comes_in_pages(socket: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAGE", 2)
    reader.tail(socket, 5, "--after", "0")
    assert reader.rows == [1, 2, 3, 4, 5]


def test_a_restart_neither_loses_nor_repeats_a_row(
    hub: FakeHub, tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "o.sock"
    later = tuple(structs.replace(MADE[0], id=number) for number in (6, 7))
    with ExitStack() as daemons:
        first = daemons.enter_context(ExitStack())
        first.enter_context(daemon_thread(hub, path))

        def restart(_seconds: float) -> None:
            if hub.entries is MADE:
                hub.entries = (*MADE, *later)
                daemons.enter_context(daemon_thread(hub, path))

        monkeypatch.setattr("daemon.commands.following.time.sleep", restart)
        reader.on[5] = first.close
        reader.tail(path, 7)
    assert reader.rows == [1, 2, 3, 4, 5, 6, 7]
    assert any("waiting until it is there again" in told for told in reader.told)
    assert reader.told[-1] == "orderferry: the daemon is there again"


def test_an_older_store_is_noticed(
    hub: FakeHub, tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "o.sock"
    with ExitStack() as daemons:
        first = daemons.enter_context(ExitStack())
        first.enter_context(daemon_thread(hub, path))

        def restored(_seconds: float) -> None:
            if hub.entries is MADE:
                hub.entries = MADE[:2]
                daemons.enter_context(daemon_thread(hub, path))

        monkeypatch.setattr("daemon.commands.following.time.sleep", restored)
        reader.on[5] = first.close
        reader.hears = lambda: setattr(hub, "entries", (*MADE[:2], structs.replace(MADE[0], id=3)))
        reader.tail(path, 6)
    assert reader.rows == [1, 2, 3, 4, 5, 3]
    assert "its last row is 2, and 5 has been shown" in reader.told[-1]


def test_without_a_daemon_at_first_it_does_not_wait(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["tail", "--socket", str(tmp_path / "none")])
    assert result.exit_code == group.AWAY


def test_a_kind_that_is_not_known_is_refused(hub: FakeHub, socket: Path) -> None:
    hub.fails["journal"] = CommandError("invalid", "'job_parkd' is not a kind of the journal's rows", ("job_parked",))
    result = CliRunner().invoke(cli, ["tail", "--socket", str(socket), "--kind", "job_parkd"])
    assert (result.exit_code, result.stderr.count("did you mean job_parked?")) == (group.FAILED, 1)


def test_a_row_is_a_line_with_its_day_where_it_is_another() -> None:
    row = {"at": NOW.isoformat(), "kind": "job_parked", "order": 12, "account": "my-shop", "job": 17}
    told = {"what": "add_order", "parts": ["a", "b"], "why": None}
    line = rows.line({**row, "data": told}, NOW)
    assert line.split(maxsplit=1)[1] == "job_parked           order=12 account=my-shop job=17 what=add_order parts=a,b"
    assert rows.line({**row, "data": {}}, NOW + timedelta(days=2)).startswith(f"{NOW.astimezone():%Y-%m-%d %H:%M:%S}  ")
    assert "\x1b" not in rows.line({**row, "data": {"error": "\x1b[31m"}}, NOW)


def test_every_weight_is_of_a_kind_that_there_is() -> None:
    assert set(rows.WEIGHTS) <= set(Kind)
    assert rows.WEIGHTS["job_parked"] == "red"
    assert words.now().tzinfo is not None
