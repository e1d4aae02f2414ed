"""Where the service's own user, and those who may read, find the program's files without a word in the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.paths import SOCKET, default_data_dir, default_socket, socket_to_ask

ENVIRON = {"HOME": "/home/u"}
OWN = Path("/home/u/.local/state/orderferry")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In it `lib` and `run` stand for the system's folders; whoever asks is not root."""
    monkeypatch.setattr("daemon.paths.SYSTEM_DATA", str(tmp_path / "lib"))
    monkeypatch.setattr("daemon.paths.SYSTEM_RUNTIME", str(tmp_path / "run"))
    user = os.geteuid() or 1000
    monkeypatch.setattr("os.geteuid", lambda: user)
    return tmp_path


def make(folder: Path, owner: int) -> None:
    folder.mkdir()
    if os.getuid() == 0:
        os.chown(folder, owner, -1)
    elif owner != os.getuid():
        pytest.skip("only root can give a folder away")


def test_the_service_s_user_has_the_service_s_folders(system: Path) -> None:
    for name in ("lib", "run"):
        make(system / name, os.geteuid())
    assert default_data_dir(ENVIRON) == system / "lib"
    assert default_socket(ENVIRON) == socket_to_ask(ENVIRON) == system / "run" / SOCKET


def test_another_user_has_his_own_and_asks_the_service_where_he_has_none(system: Path) -> None:
    for name in ("lib", "run"):
        make(system / name, 2000)
    assert default_data_dir(ENVIRON) == OWN
    assert default_socket(ENVIRON) == socket_to_ask(ENVIRON) == OWN / "run" / SOCKET
    (system / "run" / SOCKET).touch()
    assert socket_to_ask(ENVIRON) == system / "run" / SOCKET
    assert default_socket(ENVIRON) == OWN / "run" / SOCKET


def test_his_own_program_comes_first(system: Path, tmp_path: Path) -> None:
    make(system / "run", 2000)
    (system / "run" / SOCKET).touch()
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    (tmp_path / "orderferry").mkdir()
    (tmp_path / "orderferry" / SOCKET).touch()
    assert socket_to_ask(environ) == tmp_path / "orderferry" / SOCKET
