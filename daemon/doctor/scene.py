"""What every check of the doctor's may look at: the settings as far as they can be read, and where things are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct

from daemon import config as settings
from daemon.config import Config, ConfigError
from daemon.control.client import Client, DaemonAway, Refused
from daemon.core.doctoring.places import Answering
from daemon.hooks import Catalogue, discover
from daemon.plugin_list import first_look


class Scene(Struct, frozen=True, kw_only=True):
    """`config` is None where the file has mistakes, which are in `mistakes`; the places are known all the same.

    `status` is what the running daemon says of itself, None where none answers.
    """

    path: Path
    config: Config | None
    mistakes: tuple[str, ...]
    data_dir: Path
    socket: Path
    environ: Mapping[str, str]
    catalogue: Catalogue
    version: str
    answering: Answering
    status: Mapping[str, object] | None

    @property
    def mine(self) -> bool:
        """Whether this user is the one whose data this is: nobody else may touch keys and tokens, not even root."""
        try:
            return self.data_dir.stat().st_uid == os.geteuid()
        except FileNotFoundError:
            return True
        except OSError:
            return False


def look(path: Path, environ: Mapping[str, str]) -> Scene:
    """Reads the settings, finds the plugins, asks the daemon how it is; what is wrong there is not raised."""
    catalogue = discover(first_look(path))
    config: Config | None = None
    mistakes: tuple[str, ...] = ()
    try:
        config = settings.load(path, catalogue.platforms, environ)
        places = config.daemon
    except ConfigError as error:
        mistakes = tuple(map(str, error.problems))
        places = settings.places(path, environ)
    answering, status = _ask(places.socket)
    return Scene(
        path=path,
        config=config,
        mistakes=mistakes,
        data_dir=places.data_dir,
        socket=places.socket,
        environ=environ,
        catalogue=catalogue,
        version=version("orderferry"),
        answering=answering,
        status=status,
    )


def _ask(socket: Path) -> tuple[Answering, Mapping[str, object] | None]:
    try:
        status = Client(socket, timeout=10).get("status").value
        return Answering(data_dir=str(status["data_dir"]), version=str(status["version"])), status
    except (DaemonAway, Refused) as trouble:
        return Answering(trouble=str(trouble)), None
    except (KeyError, TypeError):
        return Answering(trouble="what answers is no orderferry daemon"), None
