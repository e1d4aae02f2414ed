"""Where the program's files are unless config.toml says otherwise.

The command line asks here, and must start fast: this module imports nothing but what Python itself has loaded soonest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SOCKET = "orderferry.sock"
SYSTEM_DATA, SYSTEM_RUNTIME = "/var/lib/orderferry", "/run/orderferry"


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """The folder of the store, the tokens and the key.

    systemd's StateDirectory= first, else /var/lib/orderferry for root and for the user that owns it, as the service's
    does, else the user's own state folder.
    """
    given = _first(environ.get("STATE_DIRECTORY", ""))
    if given:
        return Path(given)
    if _of_us(SYSTEM_DATA):
        return Path(SYSTEM_DATA)
    state = Path(environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():  # the XDG specification says that a relative one is to be ignored
        home = environ.get("HOME")
        state = (Path(home) if home else Path.home()) / ".local" / "state"
    return state / "orderferry"


def default_socket(environ: Mapping[str, str], data_dir: Path | None = None) -> Path:
    """The control socket: systemd's RuntimeDirectory= first, else where root, the service's user or another has it.

    `data_dir` is what config.toml says, where it does; a user without a runtime folder has the socket below it.
    """
    given = _first(environ.get("RUNTIME_DIRECTORY", ""))
    if given:
        return Path(given) / SOCKET
    if _of_us(SYSTEM_RUNTIME):
        return Path(SYSTEM_RUNTIME) / SOCKET
    runtime = Path(environ.get("XDG_RUNTIME_DIR", ""))
    if runtime.is_absolute():
        return runtime / "orderferry" / SOCKET
    return (data_dir or default_data_dir(environ)) / "run" / SOCKET


def socket_to_ask(environ: Mapping[str, str]) -> Path:
    """Where a command looks for the program: at the default, else where the service has its socket."""
    own, service = default_socket(environ), Path(SYSTEM_RUNTIME) / SOCKET
    return service if not os.path.exists(own) and os.path.exists(service) else own  # noqa: PTH110 - Path's raises where a folder is closed


def _of_us(folder: str) -> bool:
    if os.geteuid() == 0:
        return True
    try:
        return os.stat(folder).st_uid == os.geteuid()  # noqa: PTH116 - as above
    except OSError:
        return False


def _first(folders: str) -> str:
    return folders.split(":", 1)[0]
