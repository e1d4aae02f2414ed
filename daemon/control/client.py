"""The control API's client: the standard library alone, since the command line must start fast.

Answers stay as they came, as JSON values of dicts and lists: the names in them are those of `daemon.views`.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

SYSTEM_SOCKET = Path("/run/orderferry/orderferry.sock")
LONGEST_LINE = 32 * 1024 * 1024
LONGEST_SILENCE = 60.0
"""A stream of the daemon's says at least every 15 s that it is still there."""


class DaemonAway(Exception):  # noqa: N818 - says what is the case, like the contract's own errors
    """Nobody answers at the socket; the message says which one was tried and what to do."""


class Refused(Exception):  # noqa: N818 - says what is the case, like the contract's own errors
    """The daemon answered with a problem: its code, its sentence, and what may have been meant."""

    def __init__(self, code: str, message: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.suggestions = suggestions


class Answer:
    """An answer: `raw` as it came, `value` as Python values."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    @property
    def value(self) -> Any:
        """The JSON's value; raises `DaemonAway` if it is none."""
        return _value(self.raw)


class Event:
    """A server-sent event of the journal."""

    def __init__(self, number: int | None, kind: str, raw: bytes) -> None:
        self.id = number
        self.kind = kind
        self.raw = raw

    @property
    def value(self) -> Any:
        """The JSON's value; raises `DaemonAway` if it is none."""
        return _value(self.raw)


class Client:
    """Asks the daemon at this socket; each call is a connection of its own. `timeout` in seconds, None for none.

    All methods raise `DaemonAway` and `Refused`.
    """

    def __init__(self, socket_path: Path, *, timeout: float | None = 120.0) -> None:
        self._path = socket_path
        self._timeout = timeout

    def get(self, *path: str, **query: str | int | bool | None) -> Answer:
        """Reads; `path` are the parts below /v1, not yet percent-encoded, and a query value of None is left out."""
        with self._ask("GET", _target(path, query)) as response:
            return Answer(response.read())

    def post(self, *path: str, body: Mapping[str, object] | bytes | None = None, key: str | None = None) -> Answer:
        """Gives a command; under the same `key` it is carried out once, however often it is sent.

        A `body` of bytes is JSON already.
        """
        with self._ask("POST", _target(path, {}), body or {}, key=key) as response:
            return Answer(response.read())

    def lines(self, *path: str, body: Mapping[str, object] | None = None) -> Iterator[Answer]:
        """Gives a command that answers a line at a time, without a limit of time; a problem among them is raised."""
        with self._ask("POST", _target(path, {}), body or {}, timeout=None) as response:
            while line := response.readline(LONGEST_LINE):
                answer = Answer(line.strip())
                value = answer.value
                if isinstance(value, dict) and "code" in value:
                    raise _refused(value)
                yield answer

    def events(self, after: int | None = None) -> Iterator[Event]:
        """The journal as it is written, until the daemon stops or says nothing; keep-alive comments are swallowed."""
        with self._ask("GET", _target(("events",), {"after": after}), timeout=LONGEST_SILENCE) as response:
            number, kind, data = None, "message", b""
            while line := response.readline(LONGEST_LINE):
                name, _, value = line.rstrip(b"\r\n").partition(b": ")
                match name:
                    case b"id":
                        number = int(value) if value.isdigit() else None
                    case b"event":
                        kind = value.decode()
                    case b"data":
                        data = value
                    case b"" if line.strip() == b"" and data:
                        event = Event(number, kind, data)
                        if kind == "problem":
                            raise _refused(event.value)
                        yield event
                        number, kind, data = None, "message", b""
                    case _:
                        continue

    @contextmanager
    def _ask(
        self,
        method: str,
        target: str,
        body: Mapping[str, object] | bytes | None = None,
        *,
        key: str | None = None,
        timeout: float | None = -1.0,
    ) -> Iterator[HTTPResponse]:
        connection = _UnixConnection(self._path, self._timeout if timeout == -1.0 else timeout)
        headers = {"Accept": "*/*"}
        raw = None
        if body is not None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            try:
                # a daemon that turns us away may answer before it has read all
                with suppress(BrokenPipeError, ConnectionResetError):
                    connection.request(method, target, raw, headers)
                response = connection.getresponse()
                if response.status >= 400:
                    raise _problem(response)
                yield response
            except TimeoutError:
                raise DaemonAway(
                    f"the daemon at {self._path} did not answer in time; its log says what it does"
                ) from None
            except (HTTPException, ConnectionError) as error:
                raise DaemonAway(
                    f"the daemon at {self._path} ended the connection without a whole answer ({type(error).__name__}); "
                    "look whether it still runs: orderferry status"
                ) from error
        finally:
            connection.close()


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except OSError as error:
            raise DaemonAway(_away(self._path, error)) from error


def _away(path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"this user may not open the daemon's socket {path}; join the socket's group, or ask as root"
    if isinstance(error, BlockingIOError | TimeoutError):
        return f"the daemon at {path} is too busy to answer; ask again in a moment"
    hint = ""
    if path != SYSTEM_SOCKET and SYSTEM_SOCKET.exists():
        hint = f"; or name the one that is there: --socket {SYSTEM_SOCKET}"
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return f"no daemon answers at {path}; start it: orderferry run --config FILE{hint}"
    return f"the socket {path} can't be used: {error.strerror or error}{hint}"


def _target(path: tuple[str, ...], query: Mapping[str, str | int | bool | None]) -> str:
    given = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }
    target = "/v1/" + "/".join(quote(part, safe="") for part in path)
    return f"{target}?{urlencode(given)}" if given else target


def _problem(response: HTTPResponse) -> Refused:
    try:
        return _refused(json.loads(response.read()))
    except ValueError:
        return Refused("internal", f"the daemon answered {response.status} without a reason")


def _refused(value: Any) -> Refused:
    if not isinstance(value, dict):
        return Refused("internal", "the daemon refused without a reason")
    suggestions = tuple(str(suggestion) for suggestion in value.get("suggestions", ()))
    return Refused(str(value.get("code", "internal")), str(value.get("message", "refused")), suggestions)


def _value(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise DaemonAway("what answers at the socket is no orderferry daemon: its answer is not JSON") from None
