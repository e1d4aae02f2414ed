"""A child of the daemon: `python -m daemon.isolation STREAM PARENT`, started by nobody else.

It takes its settings over the stream, and ends when the stream does, or its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import resource
import signal
import socket
import sys
from typing import Any

from msgspec import Raw

from daemon.clock import SystemClock
from daemon.contained import ContainedLoop
from daemon.flooding import LimitedLog
from daemon.isolation.hosted import Hosted, RemoteLog, opener
from daemon.isolation.peer import Peer
from daemon.isolation.values import Begin

_SET_DEATH_SIGNAL, _SET_DUMPABLE = 1, 4  # of prctl(2)


def main() -> None:
    """Serves one account until the daemon ends it."""
    stream, parent = int(sys.argv[1]), int(sys.argv[2])
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)  # no dump of this memory: it holds secrets
    if os.getppid() != parent:
        return  # it ended before the signal was set
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # the daemon is told too, finishes what is under way here, and then ends this process
        signal.signal(number, lambda *_: None)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    remote = RemoteLog()
    log = LimitedLog(remote, SystemClock())
    with asyncio.Runner(loop_factory=lambda: ContainedLoop(log)) as runner, contextlib.suppress(Exception):
        runner.run(_serve(socket.socket(fileno=stream), remote, log))
    os._exit(0)  # threads of the plugin must not keep it


async def _serve(stream: socket.socket, remote: RemoteLog, log: LimitedLog) -> None:
    hosted = Hosted(opener(SystemClock(), log), log, prepare=_limit)
    ended = asyncio.Event()

    def hear(name: str, body: Raw) -> None:
        if name == "end":
            ended.set()
        hosted.hear(name, body)

    peer = hosted.peer = remote.peer = Peer(hosted.serve, hear)
    await asyncio.get_running_loop().create_unix_connection(lambda: peer, sock=stream)
    ends: set[asyncio.Future[Any]] = {asyncio.create_task(ended.wait()), peer.gone}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    log.close()
    os._exit(0)  # what a plugin has still in hand was finished, or given up, before


def _limit(begin: Begin) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_NOFILE, begin.files)
    if begin.memory:
        _lower(resource.RLIMIT_AS, begin.memory)


def _lower(which: int, to: int) -> None:
    _, hard = resource.getrlimit(which)
    to = to if hard == resource.RLIM_INFINITY else min(to, hard)
    resource.setrlimit(which, (to, to))


if __name__ == "__main__":
    main()
