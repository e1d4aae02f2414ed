"""Which sockets that were handed over are served, and why the others are not."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.activation import handed_over
from daemon.control.listening import SocketError


def unix(kind: int = socket.SOCK_STREAM, *, path: str = "s", listens: bool = True) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, kind)
    if path:
        made.bind(path)
    if listens:
        made.listen()
    return made


def tcp() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


def variables(**others: str) -> dict[str, str]:
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "control", "PATH": "/bin", **others}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", ["control", "", "unknown", "orderferry.socket", "orderferry@anna.socket"])
def test_a_listening_unix_socket_is_served_and_nothing_of_it_is_left_for_children(name: str, tmp_path: Path) -> None:
    number = os.dup(unix(path=str(tmp_path / "s")).detach())
    os.set_inheritable(number, True)
    environ = variables(LISTEN_FDNAMES=name)
    given = handed_over(environ, number)
    assert given is not None
    assert given.fileno() == number
    assert not os.get_inheritable(number)
    assert given.gettimeout() == 0.0
    assert environ == {"PATH": "/bin"}
    given.close()


@pytest.mark.parametrize(
    "others", [{"LISTEN_PID": "1"}, {"LISTEN_FDS": "0"}, {"LISTEN_FDS": "-1"}, {"LISTEN_FDS": ""}, {"LISTEN_PID": ""}]
)
def test_what_is_meant_for_another_process_is_left_alone(others: dict[str, str]) -> None:
    environ = variables(**others)
    assert handed_over(environ, 10_000) is None
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (tcp, "is not a unix socket"),
        (lambda: unix(socket.SOCK_SEQPACKET), "is not a stream socket"),
        (lambda: unix(socket.SOCK_DGRAM, listens=False), "is not a stream socket"),
        (lambda: unix(listens=False), "does not listen"),
        (lambda: unix(path=f"\0orderferry-test-{os.getpid()}"), "has no path"),
        (lambda: unix(path="", listens=False), "does not listen"),
    ],
)
def test_any_other_socket_is_refused_in_a_sentence(make: Callable[[], socket.socket], sentence: str) -> None:
    with pytest.raises(SocketError, match=sentence):
        handed_over(variables(), make().detach())


def test_a_file_or_nothing_at_all_is_refused(tmp_path: Path) -> None:
    file = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    with pytest.raises(SocketError, match="no socket"):
        handed_over(variables(), file)
    os.close(file)
    with pytest.raises(SocketError, match="no socket"):
        handed_over(variables(), file)


def test_several_and_one_of_another_name_are_refused() -> None:
    with pytest.raises(SocketError, match="2 sockets"):
        handed_over(variables(LISTEN_FDS="2", LISTEN_FDNAMES="control:web"))
    with pytest.raises(SocketError, match="'web', not 'control'"):
        handed_over(variables(LISTEN_FDNAMES="web"))
