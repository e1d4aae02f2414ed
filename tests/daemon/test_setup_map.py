"""`orderferry map`: what it shows, what it writes, and what it refuses."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from threading import Thread
from typing import Any, ClassVar

import pytest
import structlog
import tomli
from click.testing import CliRunner, Result

from daemon.cli import cli
from daemon.hooks import Catalogue
from daemon.setup import mapping
from orderferry import (
    Account,
    Capability,
    CheckReport,
    Choice,
    ChoiceKind,
    Platform,
    Role,
    Settings,
    Unavailable,
    hookimpl,
)

LISTS = Capability.LIST_STATUSES | Capability.LIST_PAYMENTS | Capability.LIST_DELIVERIES
ANSWERS: dict[tuple[str, ChoiceKind], tuple[Choice, ...] | Exception] = {}


class Lists(Platform[Settings]):
    """Its lists are what the test says, by the account's name."""

    id = "lists"
    title = "Lists"
    role = Role.SHOP
    Settings = Settings
    capabilities: ClassVar[Capability] = LISTS

    def __init__(self, account: Account[Any]) -> None:
        super().__init__(account)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        answer = ANSWERS.get((self.account.name, kind), ())
        if isinstance(answer, Exception):
            raise answer
        return answer

    @hookimpl
    async def check(self) -> CheckReport:
        return CheckReport(summary="good")


class Market(Lists):
    id = "market"
    role = Role.MARKETPLACE


class Silent(Market):
    """It has no list of delivery methods."""

    id = "silent"
    capabilities = Capability.LIST_STATUSES


CONFIG = """\
# mine
[daemon]
data_dir = "{folder}/data"

[statuses]
new = "New"
sent = "Wysłane"
cancelled = "Anulowane"

[marketplaces.main]
platform = "market"

# the shop
[shops.shop]  # here
platform = "lists"

# and the quiet one
[marketplaces.quiet]
platform = "silent"
"""
STATUSES = (
    Choice(id="4", title="Shipped"),
    Choice(id="6", title="Canceled", never="it would refund"),
    Choice(id="1", title="Złożone"),
)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    platforms = {"lists": Lists, "market": Market, "silent": Silent}
    monkeypatch.setattr(mapping, "discover", lambda _: Catalogue(platforms=platforms))
    monkeypatch.setattr("daemon.logs.configure", lambda *_: None)
    ANSWERS.clear()
    ANSWERS["shop", ChoiceKind.STATUSES] = STATUSES
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    path.chmod(0o640)
    yield path
    structlog.reset_defaults()


@pytest.fixture
def map_(config: Path) -> Callable[..., Result]:
    def run(*words: str, answers: str = "") -> Result:
        return CliRunner().invoke(cli, ["map", *words, "--config", str(config)], input=answers, catch_exceptions=False)

    return run


Map = Callable[..., Result]


def test_both_sides_are_shown_and_nothing_is_written(map_: Map, config: Path) -> None:
    before = config.read_bytes()
    said = map_("shop", "statuses")
    assert said.exit_code == 0
    lines = [line.split("  ") for line in said.output.splitlines()]
    assert [cell.strip() for cell in lines[2] if cell] == ["sent (Wysłane)", "4", "Shipped", "proposed"]
    assert "never: it would refund" in said.output
    assert said.output.endswith("say the same with --write.\n")
    assert config.read_bytes() == before
    assert not (config.parent / "data").exists()


def test_what_is_proposed_is_written_beside_what_is_there(map_: Map, config: Path) -> None:
    before = config.read_text()
    said = map_("shop", "statuses", "--write", "--yes")
    assert said.output.endswith(f"Written: 2 into {config}. A running daemon takes them with: orderferry reload\n")
    added = '\n[shops.shop.statuses]\nnew = "1" # Złożone\nsent = "4" # Shipped\n'
    assert config.read_text() == before.replace('platform = "lists"\n', f'platform = "lists"\n{added}')
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    again = map_("shop", "statuses", "--write", "--yes")
    assert "Written" not in again.output
    assert "in config.toml" in again.output


def test_it_asks_before_it_writes(map_: Map, config: Path) -> None:
    before = config.read_bytes()
    said = map_("shop", "statuses", "--write", answers="n\n")
    assert (said.exit_code, config.read_bytes()) == (0, before)
    assert map_("shop", "statuses", "--write").exit_code == 1, "no answer is no"
    assert config.read_bytes() == before
    assert "Written: 2" in map_("shop", "statuses", "--write", answers="y\n").output


def test_json_says_the_same_and_asks_nothing(map_: Map, config: Path) -> None:
    view = json.loads(map_("shop", "statuses", "--json").output)
    assert (view["account"], view["kind"], view["written"], len(view["choices"])) == ("shop", "statuses", False, 3)
    assert view["rows"][1] == {
        "key": "sent",
        "title": "Wysłane",
        "accounts": [],
        "state": "proposed",
        "choice": "4",
        "choice_title": "Shipped",
    }
    assert map_("shop", "statuses", "--json", "--write").exit_code == 2
    assert json.loads(map_("shop", "statuses", "--json", "--write", "--yes").output)["written"]
    assert tomli.loads(config.read_text())["shops"]["shop"]["statuses"] == {"new": "1", "sent": "4"}


def test_a_marketplace_s_own_statuses(map_: Map, config: Path) -> None:
    ANSWERS["main", ChoiceKind.STATUSES] = (Choice(id="SENT", title="Sent"),)
    assert map_("main", "statuses", "--write", "--yes").exit_code == 0
    assert tomli.loads(config.read_text())["marketplaces"]["main"]["statuses"] == {"sent": "SENT"}


def test_deliveries_come_from_the_marketplaces_own_lists(map_: Map, config: Path) -> None:
    ANSWERS["main", ChoiceKind.DELIVERIES] = (Choice(id="m", title="Allegro Kurier DPD"),)
    ANSWERS["shop", ChoiceKind.DELIVERIES] = (Choice(id="7", title="DPD courier"),)
    said = map_("shop", "deliveries", "--write", "--yes")
    assert "quiet (silent) has no list of deliveries" in said.output
    table = tomli.loads(config.read_text())["shops"]["shop"]["deliveries"]
    assert table == {"Allegro Kurier DPD": "7"}


def test_a_marketplace_that_cannot_be_asked_does_not_stop_the_others(map_: Map) -> None:
    ANSWERS["main", ChoiceKind.DELIVERIES] = Unavailable("closed for the night")
    said = map_("shop", "deliveries")
    assert said.exit_code == 0
    assert "main: closed for the night; its delivery methods are not shown" in said.output


def test_payments_are_our_kinds(map_: Map, config: Path) -> None:
    ANSWERS["shop", ChoiceKind.PAYMENTS] = (Choice(id="cod", title="Za pobraniem"),)
    map_("shop", "payments", "--write", "--yes")
    assert tomli.loads(config.read_text())["shops"]["shop"]["payments"] == {"cash_on_delivery": "cod"}


def test_what_a_running_daemon_has_met_is_listed_too(map_: Map, config: Path) -> None:
    ANSWERS["shop", ChoiceKind.PAYMENTS] = (Choice(id="p24", title="Przelewy24"),)
    asked: list[str] = []

    class Daemon(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps(
                [
                    {"kind": "payments", "account": "main", "method": "P24", "became": None},
                    {"kind": "deliveries", "account": "main", "method": "Kurier", "became": None},
                ]
            ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None: ...

    text = config.read_text().replace("[daemon]\n", f'[daemon]\nsocket = "{config.parent}/s"\n')
    config.write_text(text)
    with UnixStreamServer(str(config.parent / "s"), Daemon) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        said = map_("shop", "payments", "--json")
        thread.join()
    assert asked == ["/v1/accounts/shop/unmapped"]
    rows = {row["key"]: row for row in json.loads(said.output)["rows"]}
    assert (rows["P24"]["choice"], rows["P24"]["accounts"], "Kurier" in rows) == ("p24", ["main"], False)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Unavailable("closed for the night"), "shop: closed for the night"),
        (TimeoutError(), "shop: no answer in time"),
        (KeyError("x"), "shop: a bug of the plugin: KeyError"),
    ],
)
def test_a_shop_that_does_not_answer_is_told(map_: Map, answer: Exception, words: str) -> None:
    ANSWERS["shop", ChoiceKind.STATUSES] = answer
    said = map_("shop", "statuses")
    assert said.exit_code == 1
    assert words in said.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("shpo", "statuses"), "did you mean shop?"),
        (("main", "payments"), "payments are mapped for a shop; main is a marketplace"),
        (("quiet", "deliveries"), "deliveries are mapped for a shop"),
    ],
)
def test_what_cannot_be_mapped_is_told(map_: Map, words: tuple[str, ...], sentence: str) -> None:
    said = map_(*words)
    assert said.exit_code == 1
    assert sentence in said.output


def test_a_list_that_the_shop_does_not_have_is_told(map_: Map, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lists, "capabilities", Capability.LIST_STATUSES)
    assert "shop (lists) has no list of payments; write the map by hand" in map_("shop", "payments").output


def test_a_file_that_cannot_be_added_to_shows_the_lines(map_: Map, config: Path) -> None:
    text = config.read_text().replace(
        '[shops.shop]  # here\nplatform = "lists"', '[shops]\nshop = { platform = "lists" }'
    )
    config.write_text(text)
    said = map_("shop", "statuses", "--write", "--yes")
    assert said.exit_code == 1
    assert 'These lines can be written by hand:\n\n[shops.shop.statuses]\nnew = "1"' in said.output
    assert config.read_text() == text


def test_settings_with_mistakes_are_told_with_their_line(map_: Map, config: Path) -> None:
    config.write_text("colour = 1\n")
    assert "config.toml:1: colour" in map_("shop", "statuses").output
