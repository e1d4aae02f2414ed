"""Looks at the files: settings, data folder, store, key, tokens, lock and socket. Opens nothing for writing."""

from __future__ import annotations

import asyncio
import os
import pwd
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from grp import getgrgid
from pathlib import Path

from daemon.backup_settings import BackupSettings
from daemon.core.doctoring import places, reach
from daemon.core.doctoring.finding import Finding, failed, ok, warning
from daemon.core.doctoring.places import Held
from daemon.core.mounts import mount_of
from daemon.doctor.machine import existing
from daemon.doctor.scene import Scene
from daemon.store import connection
from daemon.store.connection import APPLICATION, FILE, MARK
from daemon.vault import TokenFiles, Vault, VaultError
from orderferry import NeedsLogin, PlatformError

_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFSOCK: "socket"}


def held(path: Path) -> Held | None:
    """Whose the file is and who may open it; None where it isn't there. Raises `OSError`."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    owner, group = str(state.st_uid), str(state.st_gid)
    with suppress(KeyError):
        owner = pwd.getpwuid(state.st_uid).pw_name
    with suppress(KeyError):
        group = getgrgid(state.st_gid).gr_name
    return Held(
        path=str(path),
        mode=stat.S_IMODE(state.st_mode),
        uid=state.st_uid,
        owner=owner,
        group=group,
        kind=_KINDS.get(stat.S_IFMT(state.st_mode), "other"),  # type: ignore[arg-type] # its values are the words of Held
    )


def settings(scene: Scene) -> Iterator[Finding]:
    """config.toml: every mistake in it, and what is worth a thought."""
    for mistake in scene.mistakes:
        yield failed("settings", mistake, "mend it; `orderferry check` looks at the file alone")
    if scene.config is not None:
        for told in scene.config.warnings:
            yield warning("settings", told, "change it, or leave it if it is meant so")
        count = len(scene.config.accounts)
        yield ok("settings", f"{scene.path} can be used: {count} account{'s' * (count != 1)}")


def files(scene: Scene) -> Iterator[Finding]:
    """Who may open the data folder and what is in it, and whether all of it belongs to one user."""
    folder = held(scene.data_dir)
    if folder is None:
        yield ok("data folder", f"{scene.data_dir} is not there yet; the first start makes it")
        return
    if folder.kind != "folder":
        yield failed("data folder", f"{scene.data_dir} is no folder", "set [daemon] data_dir to another path")
        return
    if not os.access(scene.data_dir, os.R_OK | os.X_OK):
        found = f"{scene.data_dir} belongs to {folder.owner}, and this user may not look into it"
        yield warning("data folder", found, f"sudo -u {folder.owner} orderferry doctor")
        return
    found_wrong = list(places.private("data folder", folder, sealed=True))
    inside = []
    for path in _files(scene.data_dir):
        if (one := held(path)) is not None:
            inside.append(one)
            found_wrong += places.private("data folder", one, sealed=path.name != "key")
    yield from found_wrong or [ok("data folder", f"{scene.data_dir} can be opened by {folder.owner} alone")]
    name = str(os.geteuid())
    with suppress(KeyError):
        name = pwd.getpwuid(os.geteuid()).pw_name
    yield from places.owners(folder, inside, os.geteuid(), name)


def _files(data_dir: Path) -> list[Path]:
    tokens = data_dir / "tokens"
    whole = [data_dir / name for name in ("key", "lock", MARK, "tokens", FILE, f"{FILE}-wal", f"{FILE}-shm")]
    return [*whole, *(sorted(tokens.iterdir()) if tokens.is_dir() and os.access(tokens, os.R_OK | os.X_OK) else [])]


def file_system(scene: Scene) -> Iterator[Finding]:
    """The kind of disk that the store is on."""
    mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
    yield places.file_system(mount_of(mounts, str(existing(scene.data_dir).resolve())))


def store(scene: Scene) -> Iterator[Finding]:
    """The store, by its first page alone: nothing is opened that could change it."""
    path, mark = scene.data_dir / FILE, scene.data_dir / MARK
    try:
        with path.open("rb") as file:
            first = file.read(100)
    except (FileNotFoundError, NotADirectoryError):
        sealed = bool(_tokens_of(scene.data_dir))
        yield places.no_store(str(path), str(mark), marked=mark.exists(), sealed=sealed)
        return
    except PermissionError:
        yield warning("store", f"this user may not read {path}", "run doctor as the user that the daemon runs as")
        return
    log = Path(f"{path}-wal")
    yield from places.store(
        str(path),
        places.header_of(first),
        application=APPLICATION,
        newest=connection.newest_schema(),
        size=path.stat().st_size,
        log=log.stat().st_size if log.exists() else 0,
    )


def backup(scene: Scene) -> Iterator[Finding]:
    """How old the newest backup is, where there is a folder of them."""
    folder = (scene.config.backup if scene.config else BackupSettings()).folder_in(scene.data_dir)
    if not folder.is_dir():
        return
    newest = max((path.stat().st_mtime for path in folder.iterdir() if path.is_file()), default=None)
    age = None if newest is None else timedelta(seconds=max(0.0, time.time() - newest))
    yield places.backup(age, str(folder))


def key(scene: Scene) -> Iterator[Finding]:
    """Whether the key is there and fits what was sealed; not tried as another user than the data's own."""
    data_dir = scene.data_dir
    if not scene.mine:
        return
    has_data = (data_dir / FILE).exists() or bool(_tokens_of(data_dir))
    if not has_data and not (data_dir / "key").exists():
        yield ok("key", "none yet; the first start or login makes it")
        return
    try:
        vault = Vault.open(data_dir, scene.environ, create=False)
    except VaultError as error:
        yield from places.key(str(error), 0, ())
        return
    opened, unreadable = asyncio.run(_tokens(TokenFiles(vault, data_dir), scene))
    yield from places.key(None, opened, unreadable)


def _tokens_of(data_dir: Path) -> list[Path]:
    return [path for path in (data_dir / "tokens").glob("[a-z0-9]*") if "." not in path.name]


async def _tokens(tokens: TokenFiles, scene: Scene) -> tuple[int, list[str]]:
    opened, unreadable = 0, []
    for account in scene.config.accounts if scene.config else ():
        try:
            opened += await tokens.for_account(account.name).load() is not None
        except NeedsLogin:
            unreadable.append(account.name)
        except PlatformError:  # the file can't be read: that is told of the files
            continue
    return opened, unreadable


def daemon(scene: Scene) -> Iterator[Finding]:
    """Whether one daemon, and one alone, works with these settings."""
    holder = None
    with suppress(OSError):
        inode = (scene.data_dir / "lock").stat().st_ino
        holder = places.lock_holder(Path("/proc/locks").read_text("ascii", "replace"), inode)
    yield from places.daemon(scene.answering, str(scene.data_dir), holder, str(scene.socket), scene.version)


def socket(scene: Scene) -> Iterator[Finding]:
    """Who can open the control socket."""
    try:
        yield from places.socket(held(scene.socket), held(scene.socket.parent), str(scene.socket))
    except PermissionError:
        yield ok("socket", f"this user may not look into {scene.socket.parent}")


def open_problems(scene: Scene) -> Iterator[Finding]:
    """What the running daemon says is wrong."""
    told = scene.status.get("problems") if scene.status else None
    yield from reach.open_problems(map(str, told if isinstance(told, list) else []))
