"""Who may ask, and what a request may look like before anybody looks at what it asks.

The socket is a file, so its mode is the first guard. Behind it: a browser can be made to talk to a local port or, by
way of a proxy, to a socket, so whatever a browser adds (`Origin`, `Sec-Fetch-Site`) is refused, and only our own names
count as `Host`. Reading is for everybody who can open the socket, acting for root, the daemon's own user and the
admins of the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from daemon.views import Problem

STATUS: Mapping[str, int] = {"not_found": 404, "invalid": 400, "conflict": 409, "forbidden": 403, "unavailable": 503}
"""The HTTP status of a problem's code; any other code is a 500."""

HOSTS = frozenset({"", "localhost", "orderferry", "orderferry.sock"})

Headers = Sequence[tuple[bytes, bytes]]


class Limits(Struct, frozen=True, kw_only=True):
    """The caps: sizes in bytes, times in seconds.

    `read` is for the headers, and again for the body; `write` for a reader who takes nothing; `pulse` is the longest
    silence of the event stream; `grace` is how long a command under way may still take when the server stops.
    """

    body: int = 1024 * 1024
    headers: int = 8 * 1024
    connections: int = 32
    read: float = 10.0
    write: float = 60.0
    pulse: float = 15.0
    grace: float = 5.0


class Refusal(Exception):  # noqa: N818 - the word for what it is, like the contract's own errors
    """A request is refused: the HTTP status, the problem, and headers that the status calls for."""

    def __init__(self, status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.message)
        self.status = status
        self.problem = problem
        self.headers = dict(headers or {})


def refusal(status: int, message: str, code: str = "invalid", headers: Mapping[str, str] | None = None) -> Refusal:
    """A refusal with a plain sentence."""
    return Refusal(status, Problem(code=code, message=message), headers)


def check_headers(target: str, headers: Headers, is_ours: Callable[[str], bool], limit: int) -> None:
    """Raises `Refusal` for a request that is too big, or does not come from a local program; `target` is as it came.

    `is_ours` says whether a `Host` is one of ours.
    """
    size = len(target) + sum(len(name) + len(value) + 4 for name, value in headers)
    if size > limit:
        raise refusal(431, f"the request's headers are longer than {limit} bytes")
    if not target.startswith("/"):
        raise refusal(400, "the request must name a path")
    names = [name.lower() for name, _ in headers]
    if b"origin" in names or b"sec-fetch-site" in names:
        raise refusal(403, "this comes from a web page; the control API is for local programs", "forbidden")
    hosts = [value.decode("latin-1") for name, value in headers if name.lower() == b"host"]
    if len(hosts) > 1 or (hosts and not is_ours(hosts[0])):
        raise refusal(403, "the Host of a request must be localhost", "forbidden")


def check_body(content_type: str | None, encoding: str | None, length: str | None, limit: int) -> None:
    """Raises `Refusal` for a body that won't be read."""
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise refusal(415, "a command is sent with Content-Type: application/json")
    if encoding not in {None, "", "identity"}:
        raise refusal(415, "the body must not be compressed")
    if length is not None and length.isdigit() and int(length) > limit:
        raise too_large(limit)


def too_large(limit: int) -> Refusal:
    """The body is beyond the limit."""
    return refusal(413, f"the body is longer than {limit} bytes")


def check_may_act(uid: int, actors: frozenset[int]) -> None:
    """Raises `Refusal` unless this user may give commands."""
    if uid not in actors:
        message = f"user {uid} may read, but only root and the daemon's own user may give commands"
        raise refusal(403, message, "forbidden")
