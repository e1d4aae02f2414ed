"""Every verb, against a daemon that answers from a script: what is asked, what is said, and the exit code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.cli import cli
from daemon.commands import group, reading, words
from daemon.core.job import JobState
from daemon.views import CommandError, FetchProgress, JobsView, OrdersView
from orderferry import Stage
from tests.daemon.control_fakes import ALLEGRO_ID, NOW, ODD_ID, FakeHub, daemon_thread

UID = os.getuid()
Run = Callable[..., Result]


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def socket(hub: FakeHub, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "o.sock"
    with daemon_thread(hub, path):
        yield path


@pytest.fixture
def run(socket: Path) -> Run:
    def invoke(*args: str) -> Result:
        return CliRunner(env={"ORDERFERRY_SOCKET": str(socket)}).invoke(cli, list(args), prog_name="orderferry")

    return invoke


def quiet(*args: str, **env: str) -> Result:
    """A verb without a daemon."""
    return CliRunner(env=env).invoke(cli, list(args), prog_name="orderferry")


@pytest.mark.parametrize(
    ("args", "command"),
    [
        (["forward", "12"], ("forward", "12", None, UID)),
        (["forward", ODD_ID, "--shop", "my-shop"], ("forward", ODD_ID, "my-shop", UID)),
        (["retry", "17"], ("retry", 17, UID)),
        (["resolve", "17", "--shop-order", "88"], ("resolve", 17, "88", False, False, UID)),
        (["resolve", "17", "--send-again"], ("resolve", 17, None, False, True, UID)),
        (["resolve", "17", "--sent"], ("resolve", 17, None, True, False, UID)),
        (["set-status", ALLEGRO_ID, "sent"], ("set_status", ALLEGRO_ID, "sent", UID)),
        (["set-payment", "12", "unpaid"], ("set_payment", "12", False, None, UID)),
        (["add-parcel", "12", "INPOST", "620001"], ("add_parcel", "12", "INPOST", "620001", UID)),
        (["pause", "my-shop"], ("pause", "my-shop", UID)),
        (["resume", "my-shop"], ("resume", "my-shop", UID)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_reaches_the_hub(run: Run, hub: FakeHub, args: list[str], command: tuple[object, ...]) -> None:
    result = run(*args)
    assert result.exit_code == 0, result.output
    assert hub.commands == [command]
    assert result.stdout == f"{command[0]} was done\n"
    assert result.stderr == "job 18; how it goes: orderferry explain 12\n"


def test_an_amount_is_exact(run: Run, hub: FakeHub) -> None:
    for text in ("0.10", "0,10"):
        assert run("set-payment", "12", "paid", "--amount", text).exit_code == 0
    assert [str(command[3]) for command in hub.commands] == ["0.10", "0.10"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["set-payment", "12", "paid", "--amount", "much"], "not an amount"),
        (["set-payment", "12", "paid", "--amount", "1e9"], "not an amount"),
        (["set-payment", "12", "unpaid", "--amount", "5"], "goes with paid"),
        (["set-payment", "12", "perhaps"], "'paid', 'unpaid'"),
        (["resolve", "17"], "say what you found"),
        (["resolve", "17", "--send-again", "--shop-order", "8"], "say what you found"),
        (["resolve", "17", "--sent", "--send-again"], "say what you found"),
        (["resolve", "seventeen", "--send-again"], "not a valid integer"),
        (["retry"], "Missing argument 'JOB'"),
        (["orders", "--since", "yesterday"], "not a time such as 2026-11-01"),
        (["orders", "--stage", "redy"], "'redy' is not one of"),
        (["orders", "--limit", "0"], "1<=x<=500"),
        (["jobs", "--state", "lost"], "'lost' is not one of"),
        (["stauts"], "Did you mean status"),
        (["expalin", "12"], "Did you mean explain"),
        (["xyzzy"], "there is no verb 'xyzzy'."),
        (["status", "--jsno"], "No such option"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
    ],
)
def test_a_wrong_command_line_is_told_apart(args: list[str], said: str) -> None:
    result = quiet(*args)
    assert result.exit_code == group.USAGE
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["show", "13"], "there is no order 13 (did you mean 11 or 12?)"),
        (["explain", "13"], "did you mean 11 or 12?"),
        (["forward", "13"], "did you mean 11 or 12?"),
        (["accounts", "my-shp"], "did you mean my-shop?"),
        (["fetch", "my-shp"], "did you mean my-shop?"),
        (["pause", "my-shp"], "did you mean my-shop?"),
        (["retry", "99"], "there is no job 99"),
    ],
)
def test_what_is_not_there_is_told_and_guessed(run: Run, args: list[str], said: str) -> None:
    result = run(*args)
    assert result.exit_code == group.NOT_FOUND
    assert result.stderr.startswith("orderferry: ")
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("not_found", group.NOT_FOUND),
        ("conflict", group.CONFLICT),
        ("forbidden", group.FORBIDDEN),
        ("invalid", group.FAILED),
        ("unavailable", group.FAILED),
        ("internal", group.FAILED),
    ],
)
def test_exit_codes_tell_refusals_apart(run: Run, hub: FakeHub, code: str, exit_code: int) -> None:
    hub.fails["forward"] = CommandError(code, "it is so")
    result = run("forward", "12")
    assert (result.exit_code, result.stderr) == (exit_code, "orderferry: it is so\n")


def test_exit_codes_are_in_the_help() -> None:
    said = quiet("--help").stdout
    assert all(f"{code}  {about}" in said for code, about in group.EXIT_CODES.items())


def test_without_a_daemon_the_socket_and_the_command_are_named(tmp_path: Path) -> None:
    result = quiet("status", "--socket", str(tmp_path / "none.sock"))
    assert result.exit_code == group.AWAY
    assert f"no daemon answers at {tmp_path}/none.sock" in result.stderr
    assert "orderferry run --config FILE" in result.stderr


def test_the_socket_of_the_command_line_goes_before_the_environment(socket: Path, tmp_path: Path) -> None:
    away = str(tmp_path / "none.sock")
    for args in (["--socket", str(socket), "status"], ["status", "--socket", str(socket)]):
        assert quiet(*args, ORDERFERRY_SOCKET=away).exit_code == 0
    assert quiet("status", ORDERFERRY_SOCKET=away).exit_code == group.AWAY
    assert quiet("status", ORDERFERRY_SOCKET=str(socket)).exit_code == 0


def test_the_usual_place_is_the_default(hub: FakeHub, tmp_path: Path) -> None:
    with daemon_thread(hub, tmp_path / "orderferry.sock"):
        assert quiet("status", RUNTIME_DIRECTORY=str(tmp_path)).exit_code == 0


READS = [
    ["status"],
    ["accounts"],
    ["accounts", "my-shop"],
    ["orders"],
    ["show", "12"],
    ["explain", "12"],
    ["jobs"],
]


@pytest.mark.parametrize("args", READS, ids=" ".join)
def test_json_is_the_answer_as_it_is(run: Run, socket: Path, args: list[str]) -> None:
    from daemon.control.client import Client  # noqa: PLC0415 - for this test alone

    paths = {"status": ("status",), "orders": ("orders",), "show": ("orders", "12"), "jobs": ("jobs",)}
    paths |= {"explain": ("orders", "12", "explain"), "accounts": ("accounts", *args[1:])}
    result = run(*args, "--json")
    assert result.exit_code == 0
    assert result.stdout.encode() == Client(socket).get(*paths[args[0]]).raw + b"\n"


def test_commands_answer_json_too(run: Run) -> None:
    result = run("forward", "12", "--json")
    assert json.loads(result.stdout) == {"text": "forward was done", "order": 12, "jobs": [18]}
    assert result.stderr == ""


def test_filters_are_handed_on(run: Run, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "now", lambda: NOW)
    args = ["--account", "allegro-main", "--stage", "ready", "--status", "new", "--since", "3d", "--unfinished"]
    assert run("orders", *args, "--warnings", "--before", "40", "--limit", "7").exit_code == 0
    [asked] = hub.asked_orders
    assert asked.pop("since") == words.since("3d", NOW)
    assert asked == {
        "account": "allegro-main",
        "stage": "ready",
        "status": "new",
        "unfinished": True,
        "warnings": True,
        "before": 40,
        "limit": 7,
    }


def test_empty_lists_say_so(run: Run, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.page = OrdersView(orders=())
    assert run("orders").stdout == "There is no order yet.\n"
    assert run("orders", "--unfinished").stdout == "No order fits.\n"
    assert run("jobs", "--state", "unsure").stdout == "No job is unsure.\n"

    async def none(**_given: object) -> JobsView:
        return JobsView(jobs=())

    async def no_accounts() -> tuple[()]:
        return ()

    monkeypatch.setattr(hub, "jobs", none)
    monkeypatch.setattr(hub, "accounts", no_accounts)
    assert run("jobs").stdout == "There is no job.\n"
    assert "There is no account yet" in run("accounts").stdout


def test_more_orders_are_mentioned_aside(run: Run, hub: FakeHub) -> None:
    assert run("orders").stderr == "There are more: orderferry orders --before 11\n"
    hub.page = OrdersView(orders=hub.page.orders)
    assert run("orders").stderr == ""


def test_fetch_shows_progress_aside_and_a_line_for_each_account(run: Run, hub: FakeHub) -> None:
    shop = FetchProgress(account="my-shop", pages=1, new=0, changed=0, malformed=0, done=True)
    hub.progress = (*hub.progress, shop)
    result = run("fetch", "allegro-main", "my-shop")
    assert result.exit_code == 0
    assert result.stderr == "allegro-main: page 1, 2 new, 1 changed so far\n"
    assert result.stdout.splitlines() == [
        "allegro-main: 3 new, 1 changed, 1 could not be read (orderferry jobs --state parked)",
        "my-shop: 0 new, 0 changed",
    ]
    assert hub.commands == [("fetch", ("allegro-main", "my-shop"), UID)]


def test_a_fetch_reaches_back_to_the_moment_that_was_said(run: Run, hub: FakeHub) -> None:
    assert run("fetch", "my-shop", "--since", "2026-01-05T10:00:00+01:00").exit_code == 0
    assert hub.commands == [("fetch", ("my-shop",), datetime(2026, 1, 5, 9, tzinfo=UTC), UID)]
    assert run("fetch", "--since", "yesterday").exit_code == 2


@pytest.mark.parametrize("done", [True, False])
def test_a_failed_fetch_is_a_failure(run: Run, hub: FakeHub, *, done: bool) -> None:
    last = FetchProgress(account="my-shop", pages=0, new=0, changed=0, malformed=0, done=done, error="refused")
    hub.progress = (*hub.progress, last)
    result = run("fetch")
    assert result.exit_code == group.FAILED
    assert "my-shop: failed: refused\n" in result.stdout
    assert "allegro-main: 3 new" in result.stdout
    result = run("fetch", "--json")
    assert result.exit_code == group.FAILED
    assert [json.loads(line)["done"] for line in result.stdout.splitlines()] == [False, True, done]


def test_a_fetch_that_breaks_off_is_a_failure(run: Run, hub: FakeHub) -> None:
    hub.progress = (*hub.progress[:1], CommandError("unavailable", "the store can't be written"))
    result = run("fetch")
    assert (result.exit_code, result.stdout) == (group.FAILED, "")
    assert "the store can't be written" in result.stderr


def test_text_from_outside_can_not_steer_the_terminal(run: Run) -> None:
    assert "\x1b" not in run("show", "12").stdout
    assert "\N{REPLACEMENT CHARACTER}[31mred" in run("show", "12").stdout


def test_the_lists_of_the_options_are_those_of_the_program() -> None:
    assert tuple(Stage) == reading.STAGES
    assert tuple(JobState) == reading.JOB_STATES


def test_every_reading_verb_has_json() -> None:
    without = {"init", "run", "bugreport", "login", "demo", "completion", "privacy"}  # privacy: a group
    for name, command in cli.commands.items():
        options = {option for param in command.params for option in param.opts}
        assert ("--json" in options) == (name not in without), name


def test_plugins_are_those_of_the_daemon(run: Run) -> None:
    assert run("plugins").stdout == (
        "parcelhub 1.2, from orderferry-parcelhub: not enabled\n"
        "  ! it is not enabled\n"
        "woocommerce 0.1.0, built in: runs\n"
        "  woocommerce: WooCommerce, shop; used by my-shop\n"
        "    fetch_orders, add_order\n"
    )
    assert [one["name"] for one in json.loads(run("plugins", "--json").stdout)] == ["parcelhub", "woocommerce"]


def test_plugins_without_a_daemon_are_what_a_start_would_run(tmp_path: Path) -> None:
    result = quiet("plugins", "--config", str(tmp_path / "none.toml"), ORDERFERRY_SOCKET=str(tmp_path / "s"))
    assert "woocommerce" in result.stdout
    assert "there is no such file" in result.stderr
    result = quiet("plugins", ORDERFERRY_SOCKET=str(tmp_path / "s"), ORDERFERRY_CONFIG=str(tmp_path / "none.toml"))
    assert "No daemon runs here: this is what a start with" in result.stderr
    assert "woocommerce" in result.stdout
