"""`orderferry init`: its questions, what it refuses, and what it writes, with platforms of strangers."""

from __future__ import annotations

import builtins
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import msgspec
import pytest
import structlog
from click.testing import CliRunner, Result
from msgspec import Struct

from daemon.cli import cli
from daemon.config import load
from daemon.hooks import Catalogue, discover
from daemon.setup import first, person
from orderferry import Account, Capability, CheckReport, Duration, NeedsLogin, Role, Secret, Settings, Url, hookimpl
from orderferry.oauth import AskOwner
from orderferry.platform import AnyPlatform
from tests.daemon.engine_platforms import Market, MarketWorld

Write = Callable[..., Result]


class Box(Struct, frozen=True, kw_only=True):
    wide: int


class OddSettings(Settings, frozen=True, kw_only=True):
    """`url` is where it is, and `token` opens it."""

    url: Url
    token: Secret
    mode: Literal["fast", "slow"]
    pause: Duration
    loud: bool
    shelves: tuple[str, ...]
    box: Box
    level: int = 1
    colour: str | None = None

    def __post_init__(self) -> None:
        if self.mode == "fast" and self.loud:
            raise ValueError("what is fast can't be loud")


class Odd(Market):
    """A marketplace that is no one's, and takes one token only."""

    id = "odd"
    title = "Odd"
    Settings = OddSettings

    def __init__(self, account: Account[Any]) -> None:
        super().__init__(account, MarketWorld())

    @hookimpl
    async def check(self) -> CheckReport:
        settings = self.account.settings
        assert isinstance(settings, OddSettings)
        if settings.token.reveal() != "good":
            raise NeedsLogin("the token was refused")
        missing = {"fetch_orders": "not on Sundays"} if settings.level == 7 else {}
        return CheckReport(summary=f"level {settings.level}", notes=("all shelves found",), missing=missing)


class PlainSettings(Settings, frozen=True, kw_only=True):
    hints: ClassVar[Mapping[str, str]] = MappingProxyType({"name": "who you are\n# there"})

    name: str


class Plain(Market):
    """A marketplace with a login."""

    id = "plain"
    title = "Plain"
    Settings = PlainSettings
    capabilities = Market.capabilities | Capability.LOGIN
    logins: ClassVar[list[str]] = []

    def __init__(self, account: Account[Any]) -> None:
        super().__init__(account, MarketWorld())

    @hookimpl
    async def login(self, show: Callable[[str], None], ask: AskOwner, refresh_token: str | None) -> str:  # noqa: ARG002 - nothing is asked
        assert refresh_token is None
        show("open https://plain.example")
        settings = self.account.settings
        assert isinstance(settings, PlainSettings)
        if settings.name == "nobody":
            raise NeedsLogin("nobody is not known there")
        self.logins.append(settings.name)
        return "logged in"

    @hookimpl
    async def check(self) -> CheckReport:
        if not self.logins:
            raise NeedsLogin("log in first")
        return CheckReport(summary="connected")


PLATFORMS: Mapping[str, type[AnyPlatform]] = {"odd": Odd, "plain": Plain}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(first, "discover", lambda _: Catalogue(platforms=PLATFORMS))
    monkeypatch.setattr("daemon.logs.configure", lambda *_: None)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "data"))
    monkeypatch.setattr(Plain, "logins", [])
    yield tmp_path / "config.toml"
    structlog.reset_defaults()


@pytest.fixture
def init(config: Path) -> Write:
    def run(*answers: str, path: Path = config) -> Result:
        text = "".join(f"{answer}\n" for answer in answers)
        return CliRunner().invoke(cli, ["init", "--config", str(path)], input=text, catch_exceptions=False)

    return run


DATA, PLATFORM, NAME, NONE, FILES, DONE = "", "odd", "", "", "", "n"
REST = ("slow", "5m", "no", '["a", "b"]', "{ wide = 3 }")
ODD = (PLATFORM, NAME, "https://odd.example", "good", *REST, NONE, FILES, DONE)


def test_the_whole_file_is_written_private_and_loads(init: Write, config: Path) -> None:
    said = init(DATA, *ODD)
    assert said.exit_code == 0, said.output
    assert said.output.endswith(
        f"{config} is written. Next:\n    orderferry check --config {config}\n    orderferry run --config {config}\n"
    )
    assert "It works: level 1\n    all shelves found" in said.output
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    found = load(config, PLATFORMS, os.environ)
    (account,) = found.accounts
    assert (account.name, account.role, found.warnings[1:]) == ("odd-main", Role.MARKETPLACE, ())
    assert account.settings == OddSettings(
        url=Url("https://odd.example"),
        token=Secret("good"),
        mode="slow",
        pause=Duration(minutes=5),
        loud=False,
        shelves=("a", "b"),
        box=Box(wide=3),
    )
    text = config.read_text()
    assert 'token = { file = "secrets/odd-main-token" }' in text
    assert "\n#level = 1\n" in text
    assert '\n#data_dir = "' in text
    secret = config.parent / "secrets" / "odd-main-token"
    assert (secret.read_text(), stat.S_IMODE(secret.stat().st_mode)) == ("good\n", 0o600)
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700
    assert not (config.parent / "data").exists(), "nothing needs the data folder before a login"


def test_a_secret_may_stand_in_the_file_itself(init: Write, config: Path) -> None:
    assert init(DATA, *ODD[:-2], "n", DONE).exit_code == 0
    assert 'token = "good"' in config.read_text()
    assert not (config.parent / "secrets").exists()


def test_a_wrong_answer_is_told_at_once_and_asked_again(init: Write, config: Path) -> None:
    said = init(
        "elsewhere",
        *("none", PLATFORM, "No Name", "mine", "http://odd.example", "https://odd.example", "good", "quick", "slow"),
        *("long", "5m", "maybe", "yes", "a, b", '["a"]', "{ wide = true }", "{ wide = 3 }", "colour = red"),
        *("depth = 3", "level = high", "level = 2", NONE, FILES, DONE),
    )
    assert said.exit_code == 0, said.output
    for words in (
        "Write one of: odd, plain.",
        "A name has 1 to 41 of the letters a-z",
        "in the clear; write https://",
        'found "quick", write one of "fast", "slow"',
        "'long' is not a duration",
        "found text, write true or false",
        "found text, write a list",
        "depth is not one of them",
        "level: found text, write a whole number",
    ):
        assert words in said.output
    text = config.read_text()
    for line in ('data_dir = "elsewhere"', "level = 2", 'colour = "red"', "loud = true", "[marketplaces.mine]"):
        assert f"\n{line}\n" in text


def test_a_wrong_key_is_told_and_asked_again_without_the_answers_that_were_good(init: Write, config: Path) -> None:
    said = init(
        DATA, PLATFORM, NAME, "https://odd.example", "bad", *REST, NONE, "y", "", "good", *[""] * 6, FILES, DONE
    )
    assert said.exit_code == 0, said.output
    assert "That does not work: the token was refused" in said.output
    assert "[https://odd.example]" in said.output
    assert "bad]" not in said.output, "a secret is never shown, not even as what was answered before"
    assert (config.parent / "secrets" / "odd-main-token").read_text() == "good\n"


def test_answers_that_contradict_each_other_are_asked_again(init: Write) -> None:
    fast = ("fast", "5m", "yes", '["a"]', "{ wide = 3 }")
    said = init(
        DATA, PLATFORM, NAME, "https://odd.example", "good", *fast, NONE, "", "", "slow", *[""] * 5, FILES, DONE
    )
    assert said.exit_code == 0, said.output
    assert "what is fast can't be loud" in said.output


def test_what_does_not_work_may_be_kept_or_given_up(init: Write, config: Path) -> None:
    bad = (PLATFORM, NAME, "https://odd.example", "bad", *REST, NONE)
    said = init(DATA, *bad, "n", "n", "n")
    assert (said.exit_code, config.exists()) == (1, False)
    assert "nothing was written" in said.output
    assert init(DATA, *bad, "n", "y", FILES, DONE).exit_code == 0
    assert load(config, PLATFORMS, os.environ).accounts


def test_what_the_account_cannot_do_is_shown_and_asked_about(init: Write, config: Path) -> None:
    odd = (PLATFORM, NAME, "https://odd.example", "good", *REST)
    said = init(DATA, *odd, "level = 7", NONE, "n", "n", "y", FILES, DONE)
    assert said.exit_code == 0, said.output
    assert "not possible here: fetch_orders (not on Sundays)" in said.output
    assert "\nlevel = 7\n" in config.read_text()


def test_a_login_is_offered_and_a_failed_one_asks_again(init: Write, config: Path) -> None:
    said = init(DATA, "2", NAME, "nobody", "y", "y", "anna", "y", DONE)
    assert said.exit_code == 0, said.output
    assert "open https://plain.example" in said.output
    assert "That does not work: nobody is not known there" in said.output
    assert "It works: connected" in said.output
    assert Plain.logins == ["anna"]
    assert '# Who you are # there\nname = "anna"' in config.read_text()
    assert (config.parent / "data" / "key").exists()


def test_a_login_for_later_is_the_next_command(init: Write, config: Path) -> None:
    said = init(DATA, "plain", NAME, "anna", "n", DONE)
    assert f"Next:\n    orderferry login plain-main --config {config}\n" in said.output
    assert not Plain.logins


def test_an_account_is_added_to_a_file_that_is_there(init: Write, config: Path) -> None:
    config.write_text("# mine\n[marketplaces.odd-main]\nplatform = 'plain'\nname = 'anna' # hers")
    config.chmod(0o640)
    before = config.read_bytes()
    (config.parent / "secrets").mkdir()
    (config.parent / "secrets" / "odd-main-2-token").write_text("old")
    said = init(PLATFORM, "odd-main", *ODD[1:])
    assert said.exit_code == 0, said.output
    assert "There is an account of this name already." in said.output
    assert said.output.endswith("    orderferry reload\n")
    assert config.read_bytes().startswith(before + b"\n\n\n# Odd\n[marketplaces.odd-main-2]\n")
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert [one.name for one in load(config, PLATFORMS, os.environ).accounts] == ["odd-main", "odd-main-2"]
    assert (config.parent / "secrets" / "odd-main-2-token").read_text() == "old"
    assert (config.parent / "secrets" / "odd-main-2-token-2").read_text() == "good\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [("colour = 1\n", "colour: is not a key here"), ("marketplaces = {}\n", "no account can be added to by a program")],
)
def test_a_file_that_cannot_be_added_to_stays_as_it_is(init: Write, config: Path, text: str, words: str) -> None:
    config.write_text(text)
    said = init(*ODD)
    assert said.exit_code == 1
    assert words in said.output
    assert config.read_text() == text
    assert sorted(one.name for one in config.parent.iterdir()) == ["config.toml"]


def test_answers_that_end_too_soon_leave_nothing(init: Write, config: Path) -> None:
    for count in range(len(ODD)):
        said = init(DATA, *ODD[:count])
        assert said.exit_code == 1
        assert "nothing was written" in said.output
    assert list(config.parent.iterdir()) == []


def test_ctrl_c_at_any_question_leaves_nothing(init: Write, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def interrupted(_prompt: str) -> str:
        nonlocal asked
        asked += 1
        if asked > last:
            raise KeyboardInterrupt
        return given[asked - 1]

    given = [DATA, *ODD]
    monkeypatch.setattr(builtins, "input", interrupted)
    for last in range(len(given)):  # noqa: B007 - read by the function above
        asked = 0
        assert init().exit_code == 130
    assert list(config.parent.iterdir()) == []


def test_ctrl_c_while_it_is_written_leaves_nothing(init: Write, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, target: Path) -> None:
        if path == config:
            raise KeyboardInterrupt
        link(path, target)

    link = Path.hardlink_to
    monkeypatch.setattr(Path, "hardlink_to", interrupted)
    assert init(DATA, *ODD).exit_code == 130
    assert [one.name for one in config.parent.rglob("*") if one.is_file()] == []


def test_a_file_that_came_in_the_meantime_is_not_overwritten(
    init: Write, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(_question: str, *, default: bool = True) -> bool:
        config.write_text("other")
        return default

    monkeypatch.setattr(person, "agree", meanwhile)
    said = init(DATA, *ODD, *ODD)
    assert said.exit_code == 1
    assert config.read_text() == "other"
    assert not list(config.parent.rglob("*token*"))


def test_a_place_that_cannot_be_written_is_told_before_any_question(
    init: Write, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda place, _mode: place != config.parent)
    said = init(path=config.parent / "new" / "config.toml")
    assert (said.exit_code, said.output.count("\n")) == (1, 1)
    assert "can't be written by this user; name another file" in said.output


@pytest.mark.parametrize("platform", discover().platforms.values(), ids=lambda platform: platform.id)
def test_the_hints_of_a_built_in_platform_are_for_its_own_keys(platform: type[AnyPlatform]) -> None:
    assert set(platform.Settings.hints) <= {field.name for field in msgspec.structs.fields(platform.Settings)}


def test_a_terminal_does_not_show_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    typed: Iterator[str] = iter(["", " good "])
    asked: list[Any] = []

    def hidden(prompt: str) -> str:
        asked.append(prompt)
        return next(typed)

    monkeypatch.setattr("getpass.getpass", hidden)
    assert person.ask_secret("token") == "good"
    assert asked == ["token (not shown): "] * 2
