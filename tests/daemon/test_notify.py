"""What is sent to the service manager, and what of its environment is left for others."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.notify import Notifier, Phase


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "n"))
        listening.setblocking(False)
        yield listening


@pytest.fixture
def notifier(manager: socket.socket) -> Iterator[Notifier]:
    notifier = Notifier(manager.getsockname(), 60)
    yield notifier
    notifier.close()


def heard(manager: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(manager.recv(4096).decode())
        except BlockingIOError:
            return found


def test_each_message_is_as_the_protocol_says(manager: socket.socket, notifier: Notifier) -> None:
    notifier.ready()
    notifier.feed()
    notifier.say("forwarding: 3 orders\non their way")
    notifier.extend(25)
    notifier.stopping()
    assert heard(manager) == [
        "READY=1",
        "WATCHDOG=1",
        "STATUS=forwarding: 3 orders on their way",
        "EXTEND_TIMEOUT_USEC=25000000",
        "STOPPING=1",
    ]


def test_a_status_is_sent_once_until_it_changes(manager: socket.socket, notifier: Notifier) -> None:
    for status in ("a", "a", "b", "a"):
        notifier.say(status)
    assert heard(manager) == ["STATUS=a", "STATUS=b", "STATUS=a"]


def test_after_a_reload_it_is_ready_again_whatever_came_of_it(manager: socket.socket, notifier: Notifier) -> None:
    notifier.ready()
    with suppress(ValueError), notifier.reloading():
        int("no number")
    refused = [notifier.refused]
    with notifier.reloading():
        pass
    assert [*refused, notifier.refused] == [True, False]
    messages = heard(manager)
    assert [one.partition("\n")[0] for one in messages] == ["READY=1", *["RELOADING=1", "READY=1"] * 2]
    assert messages[1].split("\n")[1].startswith("MONOTONIC_USEC=")


def test_who_is_stopping_is_not_ready_any_more(manager: socket.socket, notifier: Notifier) -> None:
    notifier.stopping()
    with notifier.reloading():
        pass
    assert heard(manager) == ["STOPPING=1"]
    assert notifier.phase is Phase.STOPPING


def test_a_manager_that_is_gone_stops_nobody(manager: socket.socket, notifier: Notifier) -> None:
    manager.close()
    with capture_logs() as logs:
        notifier.ready()
        notifier.say("a")
    assert [one["event"] for one in logs] == ["service_manager_not_told"]
    notifier.close()
    notifier.feed()
    assert not notifier.heard


PID = str(os.getpid())


@pytest.mark.parametrize(
    ("environ", "heard", "watchdog"),
    [
        ({}, False, None),
        ({"NOTIFY_SOCKET": "relative"}, False, None),
        ({"NOTIFY_SOCKET": "vsock:2:9999"}, False, None),
        ({"WATCHDOG_USEC": "60000000"}, False, None),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "60000000"}, True, 60.0),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": PID}, True, 1.5),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, True, None),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "0"}, True, None),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "soon"}, True, None),
    ],
)
def test_the_environment_is_believed_only_where_it_is_meant_for_us(
    environ: dict[str, str], heard: bool, watchdog: float | None
) -> None:
    environ |= {"PATH": "/bin"}
    notifier = Notifier.of(environ)
    assert (notifier.heard, notifier.watchdog) == (heard, watchdog)
    assert environ == {"PATH": "/bin"}
    notifier.close()
