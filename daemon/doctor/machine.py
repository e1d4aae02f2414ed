"""Looks at the machine: versions, clock, disk, limits, names of modules."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import sqlite3
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from importlib.metadata import packages_distributions
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import daemon
from daemon.core.doctoring import machine
from daemon.core.doctoring.finding import Finding, ok, warning
from daemon.doctor.scene import Scene
from daemon.store.connection import FILE

MODULES = ("orderferry", "daemon", "plugins")

_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_NO_LIMIT = 2**60  # what the kernel writes for "none" in version 1 of control groups is about 2**63


def program(scene: Scene) -> Iterator[Finding]:
    """What runs here."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    yield machine.program(scene.version, platform.python_version(), system)


def sqlite(_: Scene) -> Iterator[Finding]:
    """SQLite's version, and how it was built."""
    connection = sqlite3.connect(":memory:")
    try:
        options = {row[0] for row in connection.execute("pragma compile_options")}
    finally:
        connection.close()
    yield from machine.sqlite(sqlite3.sqlite_version_info, options)


def modules(_: Scene) -> Iterator[Finding]:
    """Whether Python finds our modules under our names."""
    home = Path(daemon.__file__).resolve().parent.parent
    owners = packages_distributions()
    found = [
        finding
        for name in MODULES
        for finding in machine.module_name(name, str(home / name), _on_the_path(name), set(owners.get(name, ())))
    ]
    yield from found or [ok("modules", f"{', '.join(MODULES)} are ours, in {home}")]


def _on_the_path(name: str) -> list[str]:
    found = []
    for entry in dict.fromkeys(sys.path):
        place = Path(entry or ".").resolve() / name
        if (place / "__init__.py").is_file():
            found.append(str(place))
        elif place.with_suffix(".py").is_file():
            found.append(str(place.with_suffix(".py")))
    return list(dict.fromkeys(found))


def plugins(scene: Scene) -> Iterator[Finding]:
    """Plugins that are installed and do not run."""
    for refused in scene.catalogue.refused:
        found = f"{refused.name} ({refused.origin}) does not run: {refused.reason}"
        yield warning("plugin", found, "install a version that fits, or uninstall it")
    yield ok("plugins", f"{len(scene.catalogue.platforms)} platforms: {', '.join(sorted(scene.catalogue.platforms))}")


def time_zone(scene: Scene) -> Iterator[Finding]:
    """The zone in which times are shown."""
    name, known = scene.environ.get("TZ", "").lstrip(":"), True
    if name and not name.startswith("/"):
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            known = "," in name or any(letter.isdigit() for letter in name)  # a rule of POSIX, such as CET-1CEST,M3.5.0
    offset = datetime.now().astimezone().utcoffset()
    if offset is not None:
        yield machine.time_zone(name or time.tzname[0], known=known, offset=offset)


def kept_in_step() -> bool | None:
    """Whether something keeps this machine's clock right; None where that can't be told."""
    if Path("/run/systemd/timesync/synchronized").exists():
        return True
    with suppress(AttributeError, OSError):
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))  # zeros: it only reads
        return None if state < 0 else bool(state != _UNSYNCHRONISED)
    return None


def disk(scene: Scene) -> Iterator[Finding]:
    """Room where the data is, or will be."""
    folder = existing(scene.data_dir)
    state = os.statvfs(folder)
    room = machine.Room(
        free=state.f_bavail * state.f_frsize,
        total=state.f_blocks * state.f_frsize,
        inodes_free=state.f_favail,
        inodes=state.f_files,
    )
    store = scene.data_dir / FILE
    size = sum(path.stat().st_size for path in (store, Path(f"{store}-wal")) if path.exists())
    yield machine.disk(room, size, str(folder))


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))


def open_files(scene: Scene) -> Iterator[Finding]:
    """How many files one process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    accounts = len(scene.config.accounts) if scene.config else 0
    yield machine.open_files(None if soft == resource.RLIM_INFINITY else soft, accounts)


def memory(_: Scene) -> Iterator[Finding]:
    """How much memory this process gets."""
    limits: dict[str, int] = {}
    soft, _hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits["ulimit -v"] = soft
    group = next((path for path in map(_group_limit, _groups()) if path is not None), None)
    if group is not None:
        limits["its control group"] = group
    yield machine.memory(limits, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _groups() -> Iterator[Path]:
    """The files with the limits of our control group and of those above it, the nearest first."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text("utf-8").splitlines():
            _, controllers, name = line.split(":", 2)
            root, file = Path("/sys/fs/cgroup"), "memory.max"
            if "memory" in controllers.split(","):
                root, file = root / "memory", "memory.limit_in_bytes"
            elif controllers:
                continue
            inner = root / name.lstrip("/")
            yield from (folder / file for folder in (inner, *inner.parents) if folder.is_relative_to(root))


def _group_limit(path: Path) -> int | None:
    try:
        limit = int(path.read_text("ascii"))
    except (OSError, ValueError):  # "max" is no limit
        return None
    return limit if limit < _NO_LIMIT else None


def trust(_: Scene) -> Iterator[Finding]:
    """The authorities that vouch for the platforms' servers."""
    where = ssl.get_default_verify_paths()
    places = [path for path in (where.cafile, where.capath) if path]
    count = sum(len(os.listdir(path)) if Path(path).is_dir() else Path(path).stat().st_size for path in places)  # noqa: PTH208 - counts alone
    yield machine.trust(ssl.OPENSSL_VERSION, count, places)
