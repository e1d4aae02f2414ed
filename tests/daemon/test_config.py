"""A good config.toml becomes exactly these settings; defaults come from the environment."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import daemon.paths
from daemon.account_settings import AccountSettings, ForwardSettings
from daemon.config import DEFAULT_STATUSES, Config, Status, load
from daemon.core.routing import Sync
from daemon.core.ticking import IMMEDIATE
from orderferry import Capability, Duration, Platform, Role, Secret, Settings, Url


class BazaarSettings(Settings, frozen=True, kw_only=True):
    client_secret: Secret
    spare_secret: Secret | None = None
    keys: tuple[Secret, ...] = ()
    sweep_every: Duration = Duration(hours=6)
    opened: datetime | None = None
    folder: Path | None = None


class Bazaar(Platform[BazaarSettings]):
    id = "bazaar"
    title = "Bazaar"
    role = Role.MARKETPLACE
    Settings = BazaarSettings
    capabilities = Capability.FETCH_ORDERS
    poll_every = timedelta(minutes=5)
    statuses = MappingProxyType({"sent": "SENT", "lost": "LOST"})


class CornerSettings(Settings, frozen=True, kw_only=True):
    url: Url


class Corner(Platform[CornerSettings]):
    id = "corner"
    title = "Corner shop"
    role = Role.SHOP
    Settings = CornerSettings
    capabilities = Capability.ADD_ORDER
    statuses = MappingProxyType({"new": "processing", "sent": "completed", "cancelled": "off"})


PLATFORMS = {"bazaar": Bazaar, "corner": Corner}

M = '[marketplaces.m]\nplatform = "bazaar"\nclient_secret = "b"\n'
S = '[shops.s]\nplatform = "corner"\nurl = "https://s.example/"\n'


def read(path: Path, text: str, environ: dict[str, str] | None = None, mode: int = 0o600) -> Config:
    path.write_text(text)
    path.chmod(mode)
    return load(path, PLATFORMS, environ or {})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


def test_every_key_arrives(path: Path) -> None:
    text = """\
[daemon]
data_dir = "data"
socket = "/run/x.sock"
log_level = "debug"

[statuses]
cancelled = "Off"
new = "Fresh"
sent = "Gone"

[marketplaces.m-1]
platform = "bazaar"
client_secret = "b"
keys = ["c", { env = "KEY" }]
poll_every = "1h30m"
sweep_every = "2d"
opened = 2026-01-31T12:00:00+02:00
folder = "deep/er"
forward_marketplace_stock = true
forward_since = 2026-02-01T00:00:00Z

[shops.s]
platform = "corner"
url = "https://s.example/shop/"
poll_every = "0.5s"
settle = "10m"
forward.enabled = false
statuses = { new = "pending", sent = "" }
"""
    config = read(path, text, {"KEY": "d"})
    assert config.path == path
    assert config.daemon.data_dir == path.parent / "data"
    assert config.daemon.socket == Path("/run/x.sock")
    assert config.daemon.log_level == "debug"
    assert config.statuses == (Status("cancelled", "Off"), Status("new", "Fresh"), Status("sent", "Gone"))
    assert config.accounts == (
        AccountSettings(
            name="m-1",
            role=Role.MARKETPLACE,
            platform="bazaar",
            poll_every=Duration(minutes=90),
            settings=BazaarSettings(
                client_secret=Secret("b"),
                keys=(Secret("c"), Secret("d")),
                sweep_every=Duration(days=2),
                opened=datetime(2026, 1, 31, 10, tzinfo=UTC),
                folder=path.parent / "deep/er",
            ),
            statuses={"sent": "SENT"},
            sync=Sync(status=IMMEDIATE),
            forward_marketplace_stock=True,
            forward_since=datetime(2026, 2, 1, tzinfo=UTC),
        ),
        AccountSettings(
            name="s",
            role=Role.SHOP,
            platform="corner",
            poll_every=Duration(milliseconds=500),
            settings=CornerSettings(url=Url("https://s.example/shop")),
            statuses={"new": "pending", "cancelled": "off"},
            settle=Duration(minutes=10),
            forward=ForwardSettings(enabled=False),
        ),
    )


def test_what_is_not_written_has_its_default(path: Path) -> None:
    config = read(path, M + S)
    assert config.daemon.log_level == "info"
    assert config.statuses == DEFAULT_STATUSES
    market, shop = config.accounts
    assert str(market.poll_every) == "5m"
    assert str(shop.poll_every) == "1h"
    assert str(shop.settle) == "7m"
    assert shop.forward.enabled
    assert shop.statuses == {"new": "processing", "sent": "completed", "cancelled": "off"}
    assert market.statuses == {"sent": "SENT"}  # the hub has no status "lost"
    assert market.forward_since is None
    assert not market.forward_marketplace_stock
    assert config.warnings == ()


def test_a_date_begins_at_midnight_of_this_machine(path: Path) -> None:
    (market,) = read(path, M + "forward_since = 2026-07-01\n").accounts
    assert market.forward_since is not None
    assert market.forward_since.tzinfo is UTC
    assert market.forward_since.astimezone().replace(tzinfo=None) == datetime(2026, 7, 1)  # noqa: DTZ001 - local on purpose


@given(
    st.builds(
        timedelta,
        days=st.integers(0, 3000),
        hours=st.integers(0, 23),
        minutes=st.integers(0, 59),
        seconds=st.integers(0, 59),
    )
)
def test_a_duration_reads_back_as_it_is_written(span: timedelta) -> None:
    assert Duration.parse(str(Duration(days=span.days, seconds=span.seconds))) == span


@given(st.text("0123456789.smhd -", max_size=8))
def test_a_duration_is_read_or_refused(text: str) -> None:
    try:
        assert Duration.parse(text) >= timedelta(0)
    except ValueError as error:
        assert "duration" in str(error) or "ten years" in str(error)  # noqa: PT017 - both outcomes are good


def test_nothing_that_prints_a_config_shows_a_secret(path: Path) -> None:
    config = read(path, M.replace('"b"', '"canary-1"') + 'spare_secret = { env = "E" }\n', {"E": "canary-2"}, 0o644)
    assert "canary" not in repr(config)
    assert "canary" not in str(config)


class TestWarnings:
    def warnings(self, path: Path, text: str, environ: dict[str, str] | None = None, mode: int = 0o600) -> str:
        return "\n".join(read(path, text, environ, mode).warnings).replace(str(path), "FILE")

    def test_no_account(self, path: Path) -> None:
        assert self.warnings(path, "").startswith("FILE: no account is set up")

    def test_no_shop(self, path: Path) -> None:
        assert self.warnings(path, M).startswith("FILE: no shop is set up")

    def test_no_shop_that_forwards(self, path: Path) -> None:
        assert self.warnings(path, M + S + "forward.enabled = false\n").startswith("FILE: every shop has forward.en")

    def test_one_shop_that_forwards_is_enough(self, path: Path) -> None:
        other = S.replace("shops.s", "shops.t") + "forward.enabled = false\n"
        assert self.warnings(path, M + S + other) == ""

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
    def test_secrets_in_a_file_that_others_can_read(self, path: Path, mode: int) -> None:
        text = self.warnings(path, M + S, mode=mode)
        assert text.startswith(
            "FILE: others on this machine can read this file, and secrets are in it (marketplaces.m.cli"
        )
        assert text.count("\n") == 0

    def test_no_secret_in_the_file_no_warning(self, path: Path) -> None:
        text = M.replace('"b"', '{ env = "E" }') + S
        assert self.warnings(path, text, {"E": "x"}, 0o644) == ""


class TestSecrets:
    def secret(self, path: Path, source: str, environ: dict[str, str] | None = None) -> str:
        config = read(path, M.replace('"b"', source) + S, environ)
        settings = config.accounts[0].settings
        assert isinstance(settings, BazaarSettings)
        self.warned = config.warnings
        return settings.client_secret.reveal()

    @pytest.mark.parametrize("content", ["top secret", "top secret\n", "top secret\r\n", "\ufefftop secret\n"])
    def test_a_file_beside_the_config(self, path: Path, content: str) -> None:
        file = path.with_name("key.txt")
        file.write_text(content)
        file.chmod(0o600)
        assert self.secret(path, '{ file = "key.txt" }') == "top secret"
        assert self.secret(path, f'{{ file = "{file}" }}') == "top secret"
        assert self.secret(path, '{ file = "~/key.txt" }', {"HOME": str(path.parent)}) == "top secret"
        assert self.warned == ()

    def test_a_table_of_its_own(self, path: Path) -> None:
        text = M.replace('client_secret = "b"\n', "[marketplaces.m.client_secret]\nenv = 'E'\n") + S
        assert read(path, text, {"E": "x"}).accounts[0].settings == BazaarSettings(client_secret=Secret("x"))

    def test_a_file_that_others_can_read(self, path: Path) -> None:
        file = path.with_name("key.txt")
        file.write_text("x")
        file.chmod(0o644)
        assert self.secret(path, '{ file = "key.txt" }') == "x"
        assert self.warned == (
            f"{path}:3: marketplaces.m.client_secret: others on this machine can read {file}; run `chmod 600` on it",
        )

    def test_a_credential(self, path: Path) -> None:
        path.with_name("bazaar").write_text("x\n")
        assert self.secret(path, '{ credential = "bazaar" }', {"CREDENTIALS_DIRECTORY": str(path.parent)}) == "x"
        assert self.warned == ()

    @pytest.mark.parametrize(
        ("source", "content", "sentence"),
        [
            ('{ file = "none" }', None, "can't be read (No such file or directory)"),
            ('{ file = "." }', None, "is not a file with a secret in it"),
            ('{ file = "key" }', b"\n", "is empty"),
            ('{ file = "key" }', b"", "is empty"),
            ('{ file = "key" }', b"\xff\xfe", "is not a text in UTF-8"),
            ('{ file = "key" }', b"a\nb\n", "has a line break"),
            ('{ file = "key" }', b"x" * 70_000, "is far too long for a secret"),
            ('{ file = "" }', None, "is empty"),
            ('{ env = "NONE" }', None, "the environment variable that it names is not set, or is empty"),
            ('{ env = "BLANK" }', None, "the environment variable that it names is not set, or is empty"),
            ('{ credential = "none" }', None, "the credential that it names can't be read (No such file"),
            ('{ credential = "../key" }', b"x", "a credential has a plain name"),
        ],
    )
    def test_a_source_that_gives_none(self, path: Path, source: str, content: bytes | None, sentence: str) -> None:
        if content is not None:
            path.with_name("key").write_bytes(content)
        environ = {"BLANK": " ", "CREDENTIALS_DIRECTORY": str(path.parent)}
        with pytest.raises(Exception, match=r":3: marketplaces\.m\.client_secret: ") as caught:
            self.secret(path, source, environ)
        assert sentence in str(caught.value)

    def test_a_credential_without_systemd(self, path: Path) -> None:
        with pytest.raises(Exception, match=r"\$CREDENTIALS_DIRECTORY is not set"):
            self.secret(path, '{ credential = "x" }')


class TestPaths:
    @pytest.mark.usefixtures("user")
    def test_systemd_says_it(self, path: Path) -> None:
        config = read(path, "", {"STATE_DIRECTORY": "/s/one:/s/two", "RUNTIME_DIRECTORY": "/r/one:/r/two"})
        assert config.daemon.data_dir == Path("/s/one")
        assert config.daemon.socket == Path("/r/one/orderferry.sock")

    @pytest.mark.usefixtures("root")
    def test_root(self, path: Path) -> None:
        config = read(path, "", {"XDG_RUNTIME_DIR": "/run/user/0", "XDG_STATE_HOME": "/x", "HOME": "/root"})
        assert config.daemon.data_dir == Path("/var/lib/orderferry")
        assert config.daemon.socket == Path("/run/orderferry/orderferry.sock")

    @pytest.mark.usefixtures("user")
    def test_a_user_with_a_session(self, path: Path) -> None:
        config = read(path, "", {"XDG_RUNTIME_DIR": "/run/user/7", "XDG_STATE_HOME": "/state", "HOME": "/home/u"})
        assert config.daemon.data_dir == Path("/state/orderferry")
        assert config.daemon.socket == Path("/run/user/7/orderferry/orderferry.sock")

    @pytest.mark.usefixtures("user")
    def test_a_user_without_one(self, path: Path) -> None:
        environ = {"HOME": "/home/u", "XDG_STATE_HOME": "relative", "XDG_RUNTIME_DIR": ""}
        config = read(path, "", environ)
        assert config.daemon.data_dir == Path("/home/u/.local/state/orderferry")
        assert config.daemon.socket == Path("/home/u/.local/state/orderferry/run/orderferry.sock")
        moved = read(path, '[daemon]\ndata_dir = "d"\n', environ)
        assert moved.daemon.socket == path.parent / "d/run/orderferry.sock"

    def test_the_socket_may_have_a_hundred_bytes(self, path: Path) -> None:
        socket = "/run/" + "\u0142" * 47 + "x"
        assert read(path, f'[daemon]\nsocket = "{socket}"\n').daemon.socket == Path(socket)

    def test_the_command_line_can_ask_for_the_socket_without_loading_anything_heavy(self) -> None:
        code = "import sys, daemon.paths; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603 - our own interpreter
        assert not {"msgspec", "tomli", "aiohttp", "orderferry", "asyncio"} & set(done.stdout.split())
        assert daemon.paths.default_socket({"RUNTIME_DIRECTORY": "/r"}) == Path("/r/orderferry.sock")
