"""The units under packaging/systemd, by systemd's own tools: no mistake in them, and as closed as promised."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.activation import NAME
from daemon.dispatcher import DRAIN
from daemon.paths import SOCKET, default_data_dir, default_socket
from daemon.running import BUSY, REFUSED
from daemon.vault import CREDENTIAL

UNITS = Path(__file__).parents[1] / "packaging" / "systemd"
MOST_EXPOSED = 12  # of 100; what is left is the network, which the program is for
INSTANCE = "anna"

systemd_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that exists: systemd-analyze looks for it."""
    copied = tmp_path / "units"
    shutil.copytree(UNITS, copied)
    for service in copied.glob("*.service"):
        text = service.read_text()
        assert text.count("ExecStart=/opt/orderferry/bin/orderferry run ") == 1
        service.write_text(text.replace("/opt/orderferry/bin/orderferry", sys.executable))
    shutil.copy(copied / "orderferry@.service", copied / f"orderferry@{INSTANCE}.service")
    shutil.copy(copied / "orderferry@.socket", copied / f"orderferry@{INSTANCE}.socket")
    return copied


def parsed(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[method-assign, assignment] # the documented way to keep capitals
    parser.read_string((UNITS / name).read_text())
    return parser


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - systemd's own tools


@systemd_analyze
@pytest.mark.parametrize("name", ["orderferry", "orderferry@", f"orderferry@{INSTANCE}"])
def test_systemd_finds_no_mistake(units: Path, name: str) -> None:
    files = [str(units / f"{name}.{kind}") for kind in ("service", "socket")]
    done = run("systemd-analyze", "verify", "--man=no", *files)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@systemd_analyze
def test_a_mistake_would_be_found(units: Path) -> None:
    unit = units / "orderferry.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=60", "WatchdogSecs=60"))
    done = run("systemd-analyze", "verify", "--man=no", str(unit))
    assert "WatchdogSecs" in done.stderr


@systemd_analyze
@pytest.mark.parametrize("name", ["orderferry.service", "orderferry@.service"])
def test_the_service_is_as_closed_as_promised(name: str) -> None:
    done = run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(UNITS / name))
    assert done.returncode == 0, done.stdout


def test_the_template_differs_from_the_single_one_in_names_alone() -> None:
    for kind in ("service", "socket"):
        one, each = (UNITS / f"orderferry.{kind}").read_text(), (UNITS / f"orderferry@.{kind}").read_text()
        each = each.replace(":orderferry-%i.key", "").replace("orderferry-%i", "orderferry")
        each = each.replace("orderferry@%i", "orderferry").replace("orderferry@NAME", "orderferry")
        each = each.replace("/%i.toml", "/config.toml").replace(" for %i", "").replace(", one for each seller,", "")
        assert each == one


def test_the_units_say_what_the_program_does() -> None:
    service, unit = parsed("orderferry.service")["Service"], parsed("orderferry.socket")["Socket"]
    assert service["RestartPreventExitStatus"].split() == [str(BUSY), str(REFUSED)]
    assert float(service["TimeoutStopSec"]) > DRAIN
    assert service["LoadCredential"] == CREDENTIAL
    assert unit["FileDescriptorName"] == NAME
    assert Path(unit["ListenStream"]).name == SOCKET
    assert Path(unit["ListenStream"]).parent == Path("/run") / service["RuntimeDirectory"]
    assert unit["SocketGroup"] == service["Group"]


def test_other_units_are_named_as_systemd_knows_them() -> None:
    """A misspelt name is no mistake to systemd: it is a unit that isn't there."""
    known = {"network-online.target", "multi-user.target", "sockets.target", *(file.name for file in UNITS.iterdir())}
    for file in (*UNITS.glob("*.service"), *UNITS.glob("*.socket")):
        for key, named in [entry for section in parsed(file.name).values() for entry in section.items()]:
            if key in {"Wants", "After", "PartOf", "WantedBy", "Also"}:
                assert set(named.replace("orderferry@%i", "orderferry@").split()) <= known


def test_under_the_units_the_program_finds_its_folders() -> None:
    environ = {"STATE_DIRECTORY": "/var/lib/orderferry-anna", "RUNTIME_DIRECTORY": "/run/orderferry-anna"}
    assert default_data_dir(environ) == Path("/var/lib/orderferry-anna")
    listen = parsed("orderferry@.socket")["Socket"]["ListenStream"].replace("%i", "anna")
    assert default_socket(environ) == Path(listen)


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed")
def test_the_user_and_the_group_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    done = run("systemd-sysusers", f"--root={tmp_path}", str(UNITS / "orderferry.sysusers"))
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"^orderferry:[^:]*:\d+:\d+:orderferry:/var/lib/orderferry:", (tmp_path / "etc/passwd").read_text()
    )
    assert re.search(r"^orderferry-admin:[^:]*:\d+:orderferry$", (tmp_path / "etc/group").read_text(), re.MULTILINE)


def test_every_file_of_the_folder_is_named_in_the_guide() -> None:
    guide = (UNITS.parents[1] / "docs/howto/run-as-a-service.md").read_text()
    assert not [file.name for file in UNITS.iterdir() if file.name not in guide]
