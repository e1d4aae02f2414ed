"""The control socket that systemd has opened for us, by the protocol of sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

from daemon.control.listening import SocketError

FIRST = 3  # the number of the first descriptor, by sd_listen_fds(3)
NAME = "control"

_LATER = "; see packaging/systemd/orderferry.socket"


def handed_over(environ: MutableMapping[str, str], first: int = FIRST) -> socket.socket | None:
    """The socket, listening already; None where none was handed to this process.

    What stands of it in the environment is taken out, so that no child believes it its own. Raises `SocketError` for
    anything but the one socket that we can serve.
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    name = environ.pop("LISTEN_FDNAMES", "").partition(":")[0]
    if pid != str(os.getpid()) or not count.isdecimal() or int(count) == 0:
        return None
    if int(count) > 1:
        raise SocketError(f"{count} sockets were handed over; this program serves one, its control socket{_LATER}")
    # without FileDescriptorName= it has the name of its unit
    if name not in {NAME, "", "unknown"} and not name.endswith(".socket"):
        raise SocketError(f"the socket that was handed over is called {name!r}, not {NAME!r}{_LATER}")
    try:
        os.set_inheritable(first, False)
        given = socket.socket(fileno=first)
    except OSError as error:
        raise SocketError(f"what was handed over is no socket ({error.strerror}){_LATER}") from error
    if fault := _fault(given):
        given.close()
        raise SocketError(f"the socket that was handed over {fault}{_LATER}")
    given.setblocking(False)
    return given


def _fault(given: socket.socket) -> str | None:
    """Why it can't be our control socket."""
    if given.family != socket.AF_UNIX:
        return "is not a unix socket: give a path as ListenStream="
    if given.type != socket.SOCK_STREAM:
        return "is not a stream socket: give its path as ListenStream="
    if not given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "does not listen: it needs Accept=no"
    path = given.getsockname()
    if not isinstance(path, str) or not path.startswith("/"):
        return "has no path, so that anybody on this machine could open it: give a path as ListenStream="
    return None
