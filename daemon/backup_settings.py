"""[backup]: where copies of the store are kept, how often one is made, and how long each is kept."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from daemon.core.backups import LONGEST
from daemon.core.ticking import Every
from daemon.toml_values import TableReader
from orderferry import Duration

SECTION = "backup"
SHORTEST = Duration(minutes=1)
_FOLDER = "backups"


class BackupSettings(Struct, frozen=True, kw_only=True):
    """[backup]; a `folder` is absolute."""

    folder: Path | None = None
    every: Every = Every(Duration(days=1))
    keep: Duration = Duration(days=7)

    def folder_in(self, data_dir: Path) -> Path:
        """The folder of the backups; only the one below the data folder is made by the program itself."""
        return self.folder or data_dir / _FOLDER


def read(reader: TableReader, raw: object) -> BackupSettings:
    """The section of config.toml, which may be missing; complains to the reader."""
    at = (SECTION,)
    settings = reader.struct(BackupSettings, reader.table(raw, at, "[backup] and its keys"), at)
    if settings is None:
        return BackupSettings()
    if settings.every.interval is not None and settings.every.interval < SHORTEST:
        reader.complain((*at, "every"), f'is too often; write at least "{SHORTEST}", or "off"')
    if not Duration(0) < settings.keep <= LONGEST:
        reader.complain(
            (*at, "keep"), 'must be more than none and at most "14d": what was erased must be gone from older backups'
        )
    return settings
