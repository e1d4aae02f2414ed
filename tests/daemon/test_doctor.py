"""What holds the doctor's checks together: a broken check, progress, a full disk, a store that is only looked at."""

from __future__ import annotations

import io
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import doctor
from daemon.core.doctoring.finding import Finding
from daemon.core.doctoring.places import Answering
from daemon.doctor import machine, places
from daemon.doctor.progress import Progress
from daemon.doctor.scene import Scene, look
from daemon.hooks import Catalogue
from daemon.store import facts
from daemon.store.connection import newest_schema, prepare


def scene(data_dir: Path) -> Scene:
    return Scene(
        path=data_dir / "config.toml",
        config=None,
        mistakes=(),
        data_dir=data_dir,
        socket=data_dir / "s",
        environ={},
        catalogue=Catalogue(platforms={}),
        version="1",
        answering=Answering(trouble="nobody"),
        status=None,
    )


def test_a_check_that_breaks_is_told_and_keeps_no_other_from_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def time_zone(_: Scene) -> Iterator[Finding]:
        raise LookupError("no clock here")

    def closed(_: Scene) -> Iterator[Finding]:
        raise PermissionError(13, "Permission denied", "/root/data")

    monkeypatch.setattr(doctor, "CHECKS", (time_zone, closed, machine.program))
    report = doctor.examine(scene(tmp_path), offline=True)
    assert not report.ok
    assert [one.check for one in report.findings] == ["time zone", "closed", "program", "clock"]
    assert [one.weight for one in report.findings[:3]] == ["failed", "warning", "ok"]
    assert "LookupError: no clock here" in report.findings[0].found
    assert "/root/data" in report.findings[1].found


@pytest.mark.parametrize("check", doctor.CHECKS, ids=lambda check: f"{check.__module__}.{check.__name__}")
def test_every_check_bears_a_machine_on_which_nothing_is_there_yet(check: doctor.Check, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none" / "at" / "all"):
        assert [finding for finding in check(scene(folder)) if finding.weight == "failed"] == []


def test_without_a_file_of_settings_the_usual_places_are_looked_at(tmp_path: Path) -> None:
    found = look(tmp_path / "none.toml", {"STATE_DIRECTORY": str(tmp_path), "RUNTIME_DIRECTORY": str(tmp_path)})
    assert (found.config, found.data_dir, found.socket) == (None, tmp_path, tmp_path / "orderferry.sock")
    assert "there is no such file" in found.mistakes[0]
    assert found.answering.data_dir is None


def test_a_disk_that_is_full_fails(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=False)  # noqa: S603, S607 - the system's own program
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        [room] = machine.disk(scene(tmp_path))
        [kind] = places.file_system(scene(tmp_path))
    finally:
        subprocess.run(["umount", tmp_path], check=True)  # noqa: S603, S607 - likewise
    assert (room.weight, room.found.split(" for ")[0]) == ("failed", "1.0 MiB free of 1.0 MiB")
    assert (kind.weight, "(tmpfs) is memory" in kind.found) == ("warning", True)


def test_a_store_is_looked_at_and_left_as_it_is(tmp_path: Path) -> None:
    path, _ = prepare(tmp_path)
    for left in tmp_path.glob("orders.db-*"):
        left.unlink()
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    [found] = places.store(scene(tmp_path))
    read = facts.read(path, 10)
    assert (found.weight, read.schema, read.journal) == ("ok", newest_schema(), [])
    assert read.rows["orders"] == 0
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before


def test_an_old_folder_of_backups_is_told(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    backup = tmp_path / "backups" / "orders.db"
    backup.touch()
    assert [one.weight for one in places.backup(scene(tmp_path))] == ["ok"]
    old = time.time() - 5 * 86_400
    os.utime(backup, (old, old))
    [found] = places.backup(scene(tmp_path))
    assert (found.weight, found.found) == ("warning", f"the newest in {tmp_path}/backups is 5 d old")


class Screen(io.StringIO):
    def __init__(self, *, live: bool) -> None:
        super().__init__()
        self._live = live

    def isatty(self) -> bool:
        return self._live


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (False, "asking a, b ...\n"),
        (True, "\r\x1b[Kasking a, b ...\r\x1b[Kasking b ...\r\x1b[K"),
    ],
)
def test_progress_is_told_only_of_what_takes_long(expected: str, *, live: bool) -> None:
    quick, slow = Screen(live=live), Screen(live=live)
    with Progress(quick, patience=60) as progress:
        progress.tell(frozenset("ab"))
    assert quick.getvalue() == ""
    with Progress(slow, patience=60) as progress:
        progress.tell(frozenset("ab"))
        progress._begin()
        progress.tell(frozenset("b"))
        progress.tell(frozenset())
    assert slow.getvalue() == expected
