"""Where the program's files are unless config.toml says otherwise.

The command line asks here, and must start fast: this module imports nothing but what Python itself has loaded soonest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SOCKET = "orderferry.sock"


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """The folder of the store, the tokens and the key.

    systemd's StateDirectory= first, else /var/lib/orderferry for root, else the user's own state folder.
    """
    given = _first(environ.get("STATE_DIRECTORY", ""))
    if given:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/orderferry")
    state = Path(environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():  # the XDG specification says that a relative one is to be ignored
        home = environ.get("HOME")
        state = (Path(home) if home else Path.home()) / ".local" / "state"
    return state / "orderferry"


def default_socket(environ: Mapping[str, str], data_dir: Path | None = None) -> Path:
    """The control socket: systemd's RuntimeDirectory= first, else the usual folder of root or of the user.

    `data_dir` is what config.toml says, where it does; a user without a runtime folder has the socket below it.
    """
    given = _first(environ.get("RUNTIME_DIRECTORY", ""))
    if given:
        return Path(given) / SOCKET
    if os.geteuid() == 0:
        return Path("/run/orderferry") / SOCKET
    runtime = Path(environ.get("XDG_RUNTIME_DIR", ""))
    if runtime.is_absolute():
        return runtime / "orderferry" / SOCKET
    return (data_dir or default_data_dir(environ)) / "run" / SOCKET


def _first(folders: str) -> str:
    return folders.split(":", 1)[0]
