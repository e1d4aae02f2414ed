"""[imports.NAME]: accounts without a platform."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.account_settings import IMPLICIT_IMPORT, WATCH_EVERY, AccountSettings
from daemon.config import Config, ConfigError, load
from orderferry import Duration, Role


def read(path: Path, text: str) -> Config:
    path.write_text(text)
    path.chmod(0o600)
    return load(path, {}, {"HOME": "/home/anna"})


def test_all_its_keys_may_be_left_out(tmp_path: Path) -> None:
    (account,) = read(tmp_path / "c.toml", "[imports.files]\n").accounts
    assert (account.name, account.role, account.platform) == ("files", Role.IMPORT, "")
    assert (account.folder, account.mapping, account.watch_every) == (None, None, WATCH_EVERY)


def test_its_keys_are_read_and_its_paths_are_seen_from_the_file(tmp_path: Path) -> None:
    text = (
        '[imports.files]\nfolder = "~/in"\nmapping = "maps/a.toml"\nwatch_every = "5s"\n'
        "forward_since = 2026-12-01T00:00:00Z\n"
    )
    (account,) = read(tmp_path / "c.toml", text).accounts
    assert account == AccountSettings(
        name="files",
        role=Role.IMPORT,
        platform="",
        poll_every=Duration(seconds=5),
        settings=IMPLICIT_IMPORT.settings,
        statuses={},
        folder=Path("/home/anna/in"),
        mapping=tmp_path / "maps/a.toml",
        watch_every=Duration(seconds=5),
        forward_since=datetime(2026, 12, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[imports.f]\nplatform = "csv"', "imports.f.platform: is not a key here, it belongs to [marketplaces.NAME]"),
        ('[imports.f]\nfoldr = "x"', "imports.f.foldr: is not a key here (did you mean folder?)"),
        ("[imports.f]\nfolder = 3", "imports.f.folder: found a number, write a path"),
        ('[imports.f]\nwatch_every = "0s"', "imports.f.watch_every: must be longer than nothing"),
        ("[imports.F_]", "imports.F_: a name has 1 to 41"),
        ('[imports]\nfolder = "x"', "imports.folder: found text, write [imports.NAME] and its keys"),
    ],
)
def test_a_mistake_is_told_with_its_key(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "c.toml", text)
    assert sentence in str(caught.value)
