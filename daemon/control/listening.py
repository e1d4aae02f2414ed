"""The control socket as a file, and the connections behind it."""

from __future__ import annotations

import asyncio
import errno
import socket
import stat
import struct
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from daemon.control.guard import Limits
from daemon.views import Problem

FOLDER_MODE = 0o750
SOCKET_MODE = 0o660
BACKLOG = 128
LONGEST_PATH = 107  # what fits into sockaddr_un, see unix(7)

_CREDENTIALS = struct.Struct("iII")  # struct ucred of unix(7): pid, uid, gid


class SocketError(Exception):
    """The control socket can't be opened; the message says why and what to do."""


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`, mode 0660, in a folder that is made with 0750 where it is missing.

    A socket that another daemon left behind is removed, but only after a connect has proved that nobody answers.
    Raises `SocketError`.
    """
    if len(str(path).encode()) > LONGEST_PATH:
        raise SocketError(f"{path}: a socket's path has at most {LONGEST_PATH} bytes; set [daemon] socket to a shorter")
    try:
        _prepare_folder(path.parent)
        _remove_stale(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        raise SocketError(f"{path}: {error.strerror}") from error
    try:
        listening.bind(str(path))
        path.chmod(SOCKET_MODE)  # nobody can connect before listen(), so there is no moment with another mode
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise SocketError(f"{path}: {error.strerror}") from error
    return listening


def _prepare_folder(folder: Path) -> None:
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError:
        folder.mkdir(parents=True)
        folder.chmod(FOLDER_MODE)  # said again, since mkdir's own mode is cut by the umask
        return
    if not stat.S_ISDIR(mode):
        raise SocketError(f"{folder} is not a folder")
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise SocketError(
            f"{folder} can be written by everybody, who could put another socket there: chmod o-w {folder}"
        )


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketError(f"{path} is there and is not a socket; it is left alone: set [daemon] socket to another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        answer = probe.connect_ex(str(path))
    if answer == errno.ECONNREFUSED:
        path.unlink(missing_ok=True)
    elif answer in {0, errno.EAGAIN}:  # EAGAIN: it is there, and has many at its door
        raise SocketError(f"another daemon answers at {path}: stop it first, or set [daemon] socket to another path")
    elif answer != errno.ENOENT:
        raise OSError(answer, errno.errorcode.get(answer, str(answer)))


def problem_answer(status: int, problem: Problem, headers: dict[str, str] | None = None) -> web.Response:
    """A problem as an answer."""
    body = msgspec.json.encode(problem)
    every = {"Cache-Control": "no-store", **(headers or {})}
    return web.Response(status=status, body=body, content_type="application/json", headers=every)


_BUSY = msgspec.json.encode(Problem(code="unavailable", message="too many connections; ask again in a moment"))
_BUSY_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_BUSY), _BUSY)
)


class Connection(RequestHandler):
    """One connection; `uid` is who opened it, by the kernel's word, and `closed` is done when it is gone."""

    __slots__ = ("closed", "uid")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Turns away whoever comes when all places are taken."""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        peer = transport.get_extra_info("socket")
        self.uid: int = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))[
            1
        ]
        super().connection_made(transport)
        manager = self._manager
        if isinstance(manager, Connections) and len(manager.connections) > manager.limits.connections:
            if isinstance(transport, asyncio.WriteTransport):
                transport.write(_BUSY_ANSWER)
            self.force_close()
        elif isinstance(transport, asyncio.WriteTransport):
            transport.set_write_buffer_limits(0)  # so that a drain means: the reader has taken all

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tells the streams that nobody reads any more."""
        if not self.closed.done():
            self.closed.set_result(None)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's own words may repeat what was sent
    ) -> web.StreamResponse:
        """What isn't HTTP, or failed outside our own handler: a problem, and the connection ends."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun")
        if status >= 500:
            self.logger.error("control: unexpected %s", type(exc).__name__)
            problem = Problem(code="internal", message="the daemon made a mistake; its log says more")
        elif isinstance(exc, LineTooLong):
            status, problem = 431, Problem(code="invalid", message="a line of the request's head is too long")
        else:
            problem = Problem(code="invalid", message="this is not a proper HTTP request")
        answer = problem_answer(status, problem)
        answer.force_close()
        return answer


class Connections(web.Server):
    """All connections; a place that has sent no whole head for `limits.read` seconds is closed."""

    def __init__(self, handler: Any, limits: Limits) -> None:  # aiohttp keeps the type of a handler to itself
        super().__init__(handler)
        self.limits = limits

    def __call__(self) -> Connection:
        """A new connection."""
        return Connection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self.limits.read,
            tcp_keepalive=False,
            access_log=None,  # type: ignore[arg-type] # aiohttp means "no access log" by it, its annotation forgets that
            lingering_time=min(2.0, self.limits.read),
            auto_decompress=False,
            max_headers=64,
        )
