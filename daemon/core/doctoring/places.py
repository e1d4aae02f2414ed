"""Findings about the files: who may open them, on what kind of disk they are, whether they fit together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Literal

from msgspec import Struct

from daemon.core.doctoring.finding import Finding, amount, failed, ok, warning
from daemon.core.mounts import NETWORK, Mount

MIB = 1024 * 1024

OTHERS, GROUP_WRITES, ANYBODY_WRITES, STICKY = 0o077, 0o020, 0o002, 0o1000

VOLATILE = frozenset({"tmpfs", "ramfs"})
LARGE_LOG = 64 * MIB
OLD_BACKUP = timedelta(days=2)


class Held(Struct, frozen=True, kw_only=True):
    """A file or folder: `mode` are its permission bits, `owner` and `group` names or numbers as text."""

    path: str
    mode: int
    uid: int
    owner: str
    group: str
    kind: Literal["file", "folder", "socket", "other"] = "file"


def private(what: str, found: Held, *, sealed: bool) -> Iterator[Finding]:
    """A file or folder that nobody else may open; what is `sealed` tells others little without the key."""
    if found.mode & OTHERS:
        wanted = "700" if found.kind == "folder" else "600"
        who = "everybody" if found.mode & 0o007 else f"the group {found.group}"
        told = failed if not sealed or found.mode & (GROUP_WRITES | ANYBODY_WRITES) else warning
        yield told(what, f"{found.path} can be opened by {who} (mode {found.mode:03o})", f"chmod {wanted} {found.path}")


def owners(folder: Held, inside: Iterable[Held], user: int, name: str) -> Iterator[Finding]:
    """Whether all files belong to the one user that the daemon runs as: the owner of the data folder."""
    strange = [held for held in inside if held.uid != folder.uid]
    for held in strange:
        found = f"{held.path} belongs to {held.owner}, but {folder.path} to {folder.owner}: the daemon can't use it"
        yield failed("owner", found, f"chown {folder.owner}: {held.path}")
    if user != folder.uid:
        found = f"{folder.path} belongs to {folder.owner}, and this is {name}: keys and logins can't be tried"
        yield warning("owner", found, f"sudo -u {folder.owner} orderferry doctor")
    elif not strange:
        yield ok("owner", f"all of {folder.path} belongs to {folder.owner}")


def file_system(mount: Mount | None) -> Finding:
    """Whether SQLite's locks and its waiting for the disk can be relied upon there."""
    move = "put data_dir on a local disk"
    if mount is None:
        return ok("file system", "can't be told here")
    what = f"{mount.point} ({mount.kind})"
    if mount.read_only:
        return failed("file system", f"{what} can't be written to", f"mount it for writing, or {move}")
    if mount.kind in NETWORK:
        return failed(
            "file system", f"{what} is on the network: SQLite's locks don't hold there, and damage follows", move
        )
    if mount.kind == "overlay":
        found = f"{what} is the inside of a container: the store goes when the container goes"
        return warning("file system", found, "give the container a volume for data_dir")
    if mount.kind in VOLATILE:
        return warning("file system", f"{what} is memory: the store goes when the machine is switched off", move)
    if mount.kind.startswith("fuse"):
        found = f"{what} is kept by a program: whether locks hold and writes last, depends on it"
        return warning("file system", found, move)
    return ok("file system", what)


class Header(Struct, frozen=True, kw_only=True):
    """What the first page of an SQLite file says of it."""

    application: int
    schema: int


def header_of(first: bytes) -> Header | None:
    """Reads the file's first 100 bytes (https://sqlite.org/fileformat2.html#the_database_header); None for no store."""
    if len(first) < 100 or not first.startswith(b"SQLite format 3\0"):
        return None
    return Header(application=int.from_bytes(first[68:72]), schema=int.from_bytes(first[60:64]))


def store(path: str, header: Header | None, *, application: int, newest: int, size: int, log: int) -> Iterator[Finding]:
    """The store's file, by its first page and its sizes; `log` is the size of its write-ahead log."""
    back = "put the right file back from a backup"
    if header is None:
        yield failed("store", f"{path} is not a store", back)
    elif header.application != application:
        yield failed("store", f"{path} is not a store of orderferry", back)
    elif header.schema > newest:
        found = f"{path} was written by a newer orderferry (schema {header.schema}; this one knows {newest})"
        yield failed("store", found, "run the newer program")
    else:
        newer = f", which the next start brings up to {newest}" if header.schema < newest else ""
        yield ok("store", f"{path}, {amount(size)}, schema {header.schema}{newer}")
    if log > LARGE_LOG:
        found = f"its write-ahead log has {amount(log)}: something has kept it open for long"
        yield warning("store log", found, "end other programs that read the store; else restart the daemon")


def no_store(path: str, mark: str, *, marked: bool, sealed: bool) -> Finding:
    """There is no store: the first start makes one, unless there has been one."""
    if marked:
        found = f"{path} is missing, though there has been a store"
        return failed("store", found, f"put it back from a backup; to begin anew on purpose, delete {mark}")
    return ok("store", "none yet; the first start makes it" + (" (an account is logged in already)" if sealed else ""))


def backup(age: timedelta | None, folder: str) -> Finding:
    """The newest file of the folder of backups; None where it is empty."""
    remedy = "orderferry backup"
    if age is None:
        return warning("backup", f"{folder} is empty", remedy)
    days, hours = age.days, age.seconds // 3600
    old = f"the newest in {folder} is {f'{days} d' if days else f'{hours} h'} old"
    return warning("backup", old, remedy) if age > OLD_BACKUP else ok("backup", old)


def key(trouble: str | None, opened: int, unreadable: Iterable[str]) -> Iterator[Finding]:
    """The key: what is wrong with it, how many accounts' tokens it opens, and those that it does not."""
    if trouble is not None:
        yield failed("key", trouble, "without it nothing sealed can be read: put it back from your backup")
        return
    names = list(unreadable)
    for name in names:
        found = f"the tokens of {name} can't be opened with this key"
        yield failed("key", found, f"put the right key back; or log in anew: orderferry login {name}")
    if not names:
        yield ok("key", f"there, and fits the tokens of {opened} accounts" if opened else "there")


def lock_holder(locks: str, inode: int) -> int | None:
    """The process that holds a lock (flock) on a file, out of the text of /proc/locks (proc(5))."""
    for line in locks.splitlines():
        fields = line.split()
        if len(fields) >= 6 and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(inode):
            return int(fields[4])
    return None


class Answering(Struct, frozen=True, kw_only=True):
    """Who answers at the socket: its data folder and version; `trouble` says why nobody does."""

    data_dir: str | None = None
    version: str | None = None
    trouble: str | None = None


def daemon(answering: Answering, data_dir: str, holder: int | None, socket: str, ours: str) -> Iterator[Finding]:
    """Whether a daemon runs, one alone, with these settings; `holder` is the process that has locked the store."""
    if answering.data_dir is None and holder is None:
        yield ok("daemon", "does not run")
    elif answering.data_dir is None:
        found = f"process {holder} works with {data_dir}, but at the socket: {answering.trouble}"
        yield failed("daemon", found, f"look into its log; if it hangs, end it with: kill {holder}")
    elif answering.data_dir != data_dir:
        found = f"the daemon at {socket} works with {answering.data_dir}, these settings say {data_dir}"
        yield failed(
            "daemon", found, "name the settings that it runs with (--config), or give each a socket of its own"
        )
        if holder is not None:
            yield failed("daemon", f"a second one, process {holder}, works with {data_dir}", f"kill {holder}")
    else:
        pid = "" if holder is None else f" (process {holder})"
        yield ok("daemon", f"runs{pid}, version {answering.version}, and answers at {socket}")
    if answering.version not in {None, ours}:
        found = f"the daemon is version {answering.version}, this program {ours}"
        yield warning("daemon", found, "restart the daemon, so that it runs what is installed")


def socket(found: Held | None, folder: Held | None, path: str) -> Iterator[Finding]:
    """The control socket: whoever can open it reads all orders."""
    if folder is not None and folder.mode & ANYBODY_WRITES and not folder.mode & STICKY:
        told = f"everybody can write in {folder.path}, and could put another socket there"
        yield failed("socket", told, f"chmod o-w {folder.path}")
    if found is None:
        return
    if found.kind != "socket":
        yield failed("socket", f"{path} is no socket", "delete it, or set [daemon] socket to another path")
    elif found.mode & ANYBODY_WRITES and (folder is None or folder.mode & 0o001):
        told = f"every user of this machine can open {path}, and read the orders"
        yield warning("socket", told, f"chmod o= {path}")
    else:
        yield ok("socket", f"{path} is open to {found.owner} and the group {found.group}")
