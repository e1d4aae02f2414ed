"""Opening the store's file: one daemon at a time, checked before it is believed, brought up to this program's schema.

A store that is missing though it was there before, that is damaged, or that a newer program has written is refused:
starting afresh by surprise would forward every order a second time.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from daemon.core.mounts import NETWORK, mount_of

APPLICATION = 0x0F3A_11E1  # marks the file as an orderferry store
FILE = "orders.db"
MARK = "installation"
SEEN = "journal-seen"
MOUNTS = Path("/proc/self/mountinfo")
RESTORING = "restoring"  # stands beside the store while a backup is put in its place
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that people confuse; no n right before a number is needed


class StoreRefusedError(Exception):
    """The store can't be used as it is; the message says why and what helps. The daemon exits with 78."""


class StoreBusyError(Exception):
    """Another daemon holds the store. The daemon exits with 75 and has changed nothing."""


class Lock:
    """The hold of one daemon on a data folder; given back when the process ends, however it ends."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = data_dir / "lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise StoreBusyError(
                f"another orderferry (process {holder or 'unknown'}) already works with {data_dir}; "
                "stop it first, or give this one a data_dir of its own"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Lets another daemon in; may be repeated."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def prepare(data_dir: Path, *, restored: bool = False) -> tuple[Path, str]:
    """Checks or makes the store's file and answers its path and the installation's mark; call it under the lock.

    `restored` says that a person has put back an older store: from now on nothing that it may have forgotten is sent
    before it was looked up.
    """
    _refuse_network(data_dir)
    path, mark = data_dir / FILE, data_dir / MARK
    if (data_dir / RESTORING).exists():
        raise StoreRefusedError(
            f"a backup was being put back in {data_dir} when the program ended; finish it first: "
            "`orderferry restore FILE` with the same file, or with another backup"
        )
    if not path.exists() and mark.exists():
        raise StoreRefusedError(
            f"{path} is missing, though this installation has had a store. Starting afresh would forward every order "
            f"a second time. Put a backup back with `orderferry restore FILE`; or, if you truly want to begin "
            f"anew, delete {mark}"
        )
    if not path.exists():
        _create(path)
    connection = _connect(path)
    try:
        _verify(connection, path)
        connection.execute("pragma journal_mode = wal")  # a copy that SQLite made has another one
        _migrate(connection, path)
        row = connection.execute("select value from meta where key = 'installation'").fetchone()
        installation = str(row[0])
        if restored:
            take_back(connection)
        elif _newest(connection) < _seen(data_dir):
            raise StoreRefusedError(
                f"{path} is older than the store that was here last, as after a backup was put back. Start with "
                "`orderferry run --restored`: then every order of before is looked up in the shop before it is sent"
            )
        see(data_dir, _newest(connection))
    finally:
        connection.close()
    if not mark.exists():
        _mark(mark, installation)
    elif mark.read_text(encoding="ascii").strip() != installation:
        raise StoreRefusedError(
            f"{path} belongs to another installation than {mark} names; put back the store that was here"
        )
    return path, installation


CACHE = -65536  # KiB, as SQLite writes it
BUSY = 5000  # ms


def _refuse_network(data_dir: Path) -> None:
    try:
        mounts = MOUNTS.read_text("utf-8", "replace")
    except OSError:  # no such table here: nothing can be told
        return
    mount = mount_of(mounts, str(data_dir.resolve()))
    if mount is not None and mount.kind in NETWORK:
        raise StoreRefusedError(
            f"{data_dir} is on the network ({mount.kind} at {mount.point}), where SQLite's locks don't hold and the "
            "store would be damaged; put data_dir on a disk of this machine"
        )


SETTINGS = (
    "pragma foreign_keys = on",
    "pragma secure_delete = on",
    "pragma trusted_schema = off",
    "pragma cell_size_check = on",
    "pragma mmap_size = 0",
    f"pragma busy_timeout = {BUSY}",
    f"pragma cache_size = {CACHE}",
    "pragma wal_autocheckpoint = 1000",
    "pragma journal_size_limit = 16777216",
    "pragma synchronous = full",
)
"""What the promises rest on, said on every connection that writes."""


def confirm(journal_mode: str, synchronous: int) -> None:
    """Refuses a store on which SQLite did not take the settings that keep it through a power cut."""
    if (journal_mode, synchronous) != ("wal", 2):
        raise StoreRefusedError(
            f"SQLite would not keep the store safely here (journal {journal_mode}, synchronous {synchronous}); "
            "put data_dir on a local disk"
        )


def _mark(mark: Path, installation: str) -> None:
    draft = mark.with_name(f"{MARK}.new")
    draft.write_text(installation + "\n", encoding="ascii")
    draft.chmod(0o600)
    draft.replace(mark)


def see(data_dir: Path, newest: int) -> None:
    """Notes beside the store how far its journal has come, so that an older store in its place is noticed."""
    draft = data_dir / f"{SEEN}.new"
    with draft.open("w", encoding="ascii") as file:
        file.write(f"{newest}\n")
        file.flush()
        os.fsync(file.fileno())  # else a power cut could leave it empty, and an older store would go unnoticed
    draft.chmod(0o600)
    draft.replace(data_dir / SEEN)


def _seen(data_dir: Path) -> int:
    try:
        return int((data_dir / SEEN).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0


def _newest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("select coalesce(max(id), 0) from journal").fetchone()[0])


def take_back(connection: sqlite3.Connection) -> None:
    """A new epoch begins: what an older store believes to be unsent may stand in the shop, and is in doubt."""
    now = time.time_ns() // 1_000_000
    connection.execute("begin immediate")
    connection.execute("update meta set value = value + 1 where key = 'epoch'")
    connection.execute("insert or replace into meta values ('restored_at', ?)", (str(now),))
    connection.execute(
        "update job set state = 'unsure', doubt_at = 0, due = ?1, reason = 'the store was put back from a backup',"
        " sent_at = (select ordered_at from orders where orders.id = job.order_id)"
        " where kind = 'add_order' and state in ('waiting', 'sending')",
        (now,),
    )
    connection.execute(
        "update job set state = 'parked', doubt_at = 0,"
        " reason = 'the store was put back from a backup: this mail may have gone out already'"
        " where kind = 'send_mail' and state in ('waiting', 'sending')"
    )
    connection.execute("commit")


def _create(path: Path) -> None:
    """Makes the store beside its place, so that a start that is killed leaves no half of one behind."""
    draft = path.with_name(f"{path.name}.new")
    for left in path.parent.glob(f"{draft.name}*"):
        left.unlink()
    _fill(draft)
    draft.replace(path)


def _fill(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("pragma page_size = 8192")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("begin immediate")
        connection.execute(f"pragma application_id = {APPLICATION}")
        for _, text in _migrations():
            for statement in _statements(text):
                connection.execute(statement)
        installation = "".join(secrets.choice(_LETTERS) for _ in range(8))
        connection.execute("insert into meta values ('installation', ?), ('epoch', '1')", (installation,))
        connection.execute(f"pragma user_version = {_migrations()[-1][0]}")
        connection.execute("commit")
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    path.chmod(0o600)
    return sqlite3.connect(path, isolation_level=None)


def _verify(connection: sqlite3.Connection, path: Path) -> None:
    try:
        mark = connection.execute("pragma application_id").fetchone()[0]
        version = connection.execute("pragma user_version").fetchone()[0]
        faults = [row[0] for row in connection.execute("pragma quick_check(5)")]
    except sqlite3.DatabaseError as error:
        raise StoreRefusedError(f"{path} is damaged ({error}). Put a backup back: `orderferry restore FILE`") from error
    if mark != APPLICATION:
        raise StoreRefusedError(f"{path} is not an orderferry store; move it away or put back the right one")
    if faults != ["ok"]:
        raise StoreRefusedError(f"{path} is damaged ({faults[0]}). Put a backup back: `orderferry restore FILE`")
    if version < 1:  # every store is born with a schema: to bring this one up would go through the first again
        raise StoreRefusedError(f"{path} is damaged (schema {version}). Put a backup back: `orderferry restore FILE`")
    newest = newest_schema()
    if version > newest:
        raise StoreRefusedError(
            f"{path} was written by a newer orderferry (schema {version}; this one knows {newest}). "
            "Start the newer program again, or put back the backup from before the upgrade"
        )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    def keep(number: int) -> None:
        backup = path.with_name(f"{path.stem}-before-schema-{number}.db")
        backup.unlink(missing_ok=True)
        connection.execute("vacuum into ?", (str(backup),))
        backup.chmod(0o600)

    migrate(connection, before=keep)


def migrate(connection: sqlite3.Connection, *, before: Callable[[int], None] = lambda _: None) -> None:
    """Brings the store up to this program's schema; `before` is called with the number of each one that comes."""
    version = connection.execute("pragma user_version").fetchone()[0]
    for number, text in _migrations()[version:]:
        before(number)
        connection.execute("begin immediate")
        try:
            for statement in _statements(text):
                connection.execute(statement)
            connection.execute(f"pragma user_version = {number}")
            connection.execute("commit")
        except BaseException:
            connection.execute("rollback")
            raise


def newest_schema() -> int:
    """The schema that this program writes."""
    return len(_migrations())


def _migrations() -> list[tuple[int, str]]:
    folder = resources.files("daemon.store") / "migrations"
    files = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name.split("_")[0]), (folder / name).read_text(encoding="utf-8")) for name in files]


def _statements(text: str) -> list[str]:
    found, whole = [], ""
    for line in text.splitlines():
        whole += line.split("--")[0] + "\n"
        if sqlite3.complete_statement(whole):
            found.append(whole.strip())
            whole = ""
    return [statement for statement in found if statement]
