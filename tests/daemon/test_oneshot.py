"""What works without a running daemon: checking, which changes nothing, and logging in."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon import oneshot, probing
from daemon.hooks import Catalogue, Plugin, Refused
from daemon.plugin_list import Offer
from orderferry import (
    Account,
    Capability,
    CheckReport,
    Choice,
    ChoiceKind,
    Finding,
    NeedsLogin,
    ProbeReport,
    Settings,
    hookimpl,
)
from orderferry.oauth import AskOwner
from tests.daemon.engine_platforms import Market, MarketWorld

ANSWER: dict[str, Any] = {}


class Lister(Market):
    """Its statuses, its check and its login are what the test says."""

    id = "lister"
    capabilities = Market.capabilities | Capability.LIST_STATUSES | Capability.LOGIN | Capability.PROBE

    def __init__(self, account: Account[Settings]) -> None:
        super().__init__(account, MarketWorld())

    @hookimpl
    async def check(self) -> CheckReport:
        answer = ANSWER.get("check", CheckReport(summary="connected as anna", notes=("an old version",)))
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[no-any-return] # what the test says

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        return tuple(Choice(id=name, title=name.title()) for name in ("sent", "processing") if kind)

    @hookimpl
    async def probe(self) -> ProbeReport:
        answer = ANSWER["probe"]
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[no-any-return] # what the test says

    @hookimpl
    async def login(self, show: Callable[[str], None], ask: AskOwner, refresh_token: str | None) -> str:
        show("open https://example.org and type ABCD")
        if refresh_token is None:
            return f"logged in with {await ask('the code: ')}"
        if refresh_token == "bad":
            raise NeedsLogin("the token was refused")
        return f"logged in with {refresh_token}"


CONFIG = """
[daemon]
data_dir = "{folder}/data"
socket = "{folder}/s"

[marketplaces.main]
platform = "lister"
{more}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # writes config.toml and answers its path
    refused = Refused(name="odd", origin="odd-plugin 1.0", reason="it is broken")
    odd = Plugin(offer=Offer(name="odd", distribution="odd-plugin", version="1.0"), imported=True, refused=(refused,))
    catalogue = Catalogue(platforms={"lister": Lister}, plugins=(odd,))
    for module in (oneshot, probing):
        monkeypatch.setattr(module, "discover", lambda _: catalogue)
    monkeypatch.setattr("daemon.logs.configure", lambda *_: None)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    ANSWER.clear()

    def write(more: str = "") -> Path:
        path = tmp_path / "config.toml"
        path.write_text(CONFIG.format(folder=tmp_path, more=more))
        path.chmod(0o600)
        return path

    yield write
    structlog.reset_defaults()


def test_a_good_account_is_told_with_its_notes_and_nothing_is_written(
    config: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ANSWER["check"] = CheckReport(summary="connected", notes=("old",), missing={"set_tracking": "no right"})
    assert oneshot.check(config()) == 0
    said = capsys.readouterr()
    assert "main (lister): ok: connected" in said.out
    assert "not possible here: set_tracking (no right)" in said.out
    assert "Everything is in order." in said.out
    assert "plugin odd (odd-plugin 1.0) does not run: it is broken" in said.err
    assert not (tmp_path / "data").exists()


def test_an_account_for_imports_is_checked_for_its_folder_and_its_mapping(
    config: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert oneshot.check(config("[imports.hand]\n[imports.files]\nfolder = '.'\nmapping = 'm.toml'")) == 1
    said = capsys.readouterr().out
    assert "hand (import): ok: takes orders from `orderferry import`" in said
    assert "files (import): FAILED" in said
    assert "m.toml: can't be read" in said
    (tmp_path / "m.toml").write_text("")
    assert oneshot.check(config("[imports.files]\nfolder = 'gone'\nmapping = 'm.toml'")) == 1
    assert "gone is not there" in capsys.readouterr().out
    assert oneshot.check(config("[imports.files]\nfolder = '.'\nmapping = 'm.toml'")) == 0
    assert oneshot.login(config("[imports.files]"), "files") == 1
    assert "needs no login: orders come from files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (NeedsLogin("the key was refused"), "the key was refused"),
        (KeyError("x"), "a bug of the plugin: KeyError"),
        (TimeoutError(), "no answer in time"),
    ],
)
def test_a_bad_account_fails_the_check_in_a_sentence(
    config: Any, capsys: pytest.CaptureFixture[str], answer: BaseException, words: str
) -> None:
    ANSWER["check"] = answer
    assert oneshot.check(config(), as_json=True) == 1
    view = json.loads(capsys.readouterr().out)
    assert not view["ok"]
    assert words in view["accounts"][0]["text"]


def test_a_status_that_the_platform_does_not_know_is_told_with_the_nearest(
    config: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert oneshot.check(config('[marketplaces.main.statuses]\nsent = "sennt"')) == 1
    assert "statuses.sent = 'sennt' is not known there; there are sent" in capsys.readouterr().out


def test_a_config_that_cannot_be_read_is_told_with_its_line(config: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert oneshot.check(config("colour = 1")) == 1
    assert "config.toml:8" in capsys.readouterr().err


def test_a_login_with_a_token_from_a_file(config: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = tmp_path / "token"
    token.write_text(" r-1 \n")
    assert oneshot.login(config(), "main", token) == 0
    assert "logged in with r-1" in capsys.readouterr().out
    token.write_text("bad")
    assert oneshot.login(config(), "main", token) == 1
    assert "main: the token was refused" in capsys.readouterr().err
    token.write_text("\n")
    assert oneshot.login(config(), "main", token) == 1
    assert "is empty" in capsys.readouterr().err
    assert oneshot.login(config(), "main", tmp_path / "nowhere") == 1
    assert "can't be read" in capsys.readouterr().err


def test_a_login_asks_its_owner(
    config: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("c-1\n"))
    assert oneshot.login(config(), "main") == 0
    assert "logged in with c-1" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert oneshot.login(config(), "main") == 1
    assert "nobody is there to answer" in capsys.readouterr().err


def test_a_login_of_nobody(config: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert oneshot.login(config(), "mian") == 1
    assert "did you mean main?" in capsys.readouterr().err
    monkeypatch.setattr(Lister, "capabilities", Market.capabilities)
    assert oneshot.login(config(), "main") == 1
    assert "needs no login" in capsys.readouterr().err


KEPT = Finding(what="OrdersGet", promised=True, real=True, says="3 orders came")
BROKEN = Finding(what="OrderUpdate", promised=True, real=False, says="it \x1b[31mlies")
UNTRIED = Finding(what="OrderAdd", promised=True, says="it would make an order")


def test_a_probe_tells_promises_beside_what_is_real(config: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ANSWER["probe"] = ProbeReport(summary="Shop 1.0", findings=(KEPT, BROKEN, UNTRIED))
    assert probing.probe(config(), "main") == 1
    said = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:3] for line in said.splitlines()[2:5]}
    assert rows == {"OrdersGet": ["yes", "yes"], "OrderUpdate": ["yes", "no"], "OrderAdd": ["yes", "-"]}
    assert "Promised and not kept: 1." in said
    assert "\x1b" not in said
    ANSWER["probe"] = ProbeReport(summary="Shop 1.0", findings=(KEPT, UNTRIED))
    assert probing.probe(config(), "main") == 0
    assert "is kept" in capsys.readouterr().out


def test_a_probe_as_json(config: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ANSWER["probe"] = ProbeReport(summary="Shop 1.0", findings=(BROKEN,))
    assert probing.probe(config(), "main", as_json=True) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["what"], finding["promised"], finding["real"]) == ("OrderUpdate", True, False)


def test_a_probe_that_cannot_be_made_is_a_sentence(
    config: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ANSWER["probe"] = NeedsLogin("the key was refused")
    assert probing.probe(config(), "main") == 1
    assert "main: the key was refused" in capsys.readouterr().err
    assert probing.probe(config(), "mian") == 1
    assert "did you mean main?" in capsys.readouterr().err
    assert probing.probe(config("colour = 1"), "main") == 1
    assert "config.toml:8" in capsys.readouterr().err
    monkeypatch.setattr(Lister, "capabilities", Market.capabilities)
    assert probing.probe(config(), "main") == 1
    assert "can't be probed" in capsys.readouterr().err
