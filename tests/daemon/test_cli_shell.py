"""The verbs that are the program itself, and what the shell completes."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from daemon.cli import cli
from tests.daemon.control_fakes import FakeHub, daemon_thread

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


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Stands in for what these verbs start, and notes how it is called."""
    import daemon  # noqa: PLC0415 - only here

    calls: list[tuple[object, ...]] = []
    running, oneshot, demo = (types.ModuleType(f"daemon.{name}") for name in ("running", "oneshot", "demo"))

    def note(name: str, code: int) -> Callable[..., int]:
        def called(*args: object, **kwargs: object) -> int:
            calls.append((name, *args, *kwargs.items()))
            return code

        return called

    for owner, name, code in ((running, "run", 75), (oneshot, "check", 1), (oneshot, "login", 0), (demo, "run", 0)):
        setattr(owner, name, note(f"{owner.__name__}.{name}", code))
    for module in (running, oneshot, demo):
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(daemon, module.__name__.removeprefix("daemon."), module, raising=False)
    return calls


def test_the_programs_own_verbs_hand_on_their_exit_codes(program: list[tuple[object, ...]]) -> None:
    assert quiet("run", "--config", "c.toml", "--log-format", "console").exit_code == 75
    assert quiet("check", "--config", "c.toml", "--json").exit_code == 1
    assert quiet("login", "allegro-main", "--config", "c.toml", "--refresh-token-file", "t").exit_code == 0
    assert quiet("demo", "--orders", "5", "--seed", "9", "--seconds", "2", "--keep", "k", "--quiet").exit_code == 0
    assert program == [
        ("daemon.running.run", Path("c.toml"), ("log_format", "console"), ("restored", False)),
        ("daemon.oneshot.check", Path("c.toml"), ("as_json", True)),
        ("daemon.oneshot.login", Path("c.toml"), "allegro-main", Path("t")),
        ("daemon.demo.run", ("orders", 5), ("seed", 9), ("seconds", 2.0), ("keep", Path("k")), ("quiet", True)),
    ]


def test_the_settings_are_named_by_option_by_environment_or_by_custom(program: list[tuple[object, ...]]) -> None:
    quiet("run", ORDERFERRY_CONFIG="/e.toml")
    quiet("run")
    quiet("run", "--config", "o.toml", ORDERFERRY_CONFIG="/e.toml")
    assert [call[1] for call in program] == [Path("/e.toml"), Path("/etc/orderferry/config.toml"), Path("o.toml")]


# shell completion


def completed(socket: Path, *args: str) -> list[str]:
    *given, begun = args
    completer = ShellComplete(cli, {}, "orderferry", "_ORDERFERRY_COMPLETE")
    return [item.value for item in completer.get_completions(["--socket", str(socket), *given], begun)]


@pytest.mark.parametrize(
    ("args", "words_found"),
    [
        (["sta"], ["status"]),
        (["accounts", ""], ["allegro-main", "my-shop"]),
        (["fetch", "my-shop", "all"], ["allegro-main"]),
        (["pause", "m"], ["my-shop"]),
        (["forward", "12", "--shop", ""], ["my-shop"]),
        (["show", "1"], ["12", "11"]),
        (["set-status", "12", ""], ["new", "packing"]),
        (["orders", "--status", "p"], ["packing"]),
        (["orders", "--stage", "re"], ["ready"]),
        (["retry", ""], ["17"]),
    ],
)
def test_the_shell_completes_from_the_daemon(socket: Path, args: list[str], words_found: list[str]) -> None:
    assert completed(socket, *args) == words_found


def test_the_socket_behind_the_verb_completes_too(socket: Path) -> None:
    completer = ShellComplete(cli, {}, "orderferry", "_ORDERFERRY_COMPLETE")
    found = completer.get_completions(["pause", "--socket", str(socket)], "my")
    assert [item.value for item in found] == ["my-shop"]


def test_without_a_daemon_nothing_is_completed_and_nothing_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert completed(tmp_path / "none.sock", "accounts", "") == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_printed(shell: str) -> None:
    result = quiet("completion", shell)
    assert result.exit_code == 0
    assert f"_ORDERFERRY_COMPLETE={shell}_complete" in result.stdout


def test_the_version_is_told() -> None:
    assert quiet("--version").stdout.startswith("orderferry 0.")


def test_every_verb_and_option_says_what_it_does() -> None:
    for name, command in cli.commands.items():
        assert command.help, name
        for param in command.params:
            if isinstance(param, click.Option):
                assert param.help, f"{name} {param.name}"
