"""Findings about the machine and what the program stands on there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from statistics import median

from msgspec import Struct

from daemon.core.doctoring.finding import Finding, amount, failed, ok, warning

Version = tuple[int, ...]

MIB = 1024 * 1024
GIB = 1024 * MIB

WAL_RESET_BEGAN: Version = (3, 7, 0)
WAL_RESET_ENDED: Version = (3, 51, 3)
WAL_RESET_MENDED: Mapping[Version, Version] = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7)}
"""SQLite's WAL-reset bug, and the older lines that got its correction: https://sqlite.org/wal.html#walresetbug"""

CLOCK_FAILS = timedelta(minutes=2)
CLOCK_WARNS = timedelta(seconds=30)
LEAST_ROOM = 16 * MIB
GOOD_ROOM = 256 * MIB
LEAST_MEMORY = 96 * MIB
GOOD_MEMORY = 192 * MIB
FILES_OF_OURS = 64
FILES_OF_AN_ACCOUNT = 8


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))


def program(version: str, python: str, system: str) -> Finding:
    """What runs here."""
    return ok("program", f"orderferry {version}, Python {python}, {system}")


def has_wal_reset_bug(version: Version) -> bool:
    """Whether this SQLite can damage a store in WAL mode on which two connections write at the same moment."""
    mended = WAL_RESET_MENDED.get(version[:2])
    return WAL_RESET_BEGAN <= version < WAL_RESET_ENDED and (mended is None or version < mended)


def sqlite(version: Version, options: Collection[str]) -> Iterator[Finding]:
    """SQLite's version and how it was built.

    The WAL-reset bug needs two connections that write. Ours has one, and its reading connection never checkpoints: the
    bug is a reason for care, not for alarm.
    """
    name = f"SQLite {_dotted(version)}"
    put_right = "install Python and SQLite from your distribution, or another Python"
    if "THREADSAFE=0" in options:
        yield failed("sqlite", f"{name} was built for one thread alone; the store would be damaged", put_right)
    elif "OMIT_WAL" in options:
        yield failed("sqlite", f"{name} was built without the write-ahead log that the store needs", put_right)
    elif "NO_SYNC" in options:
        yield failed("sqlite", f"{name} was built not to wait for the disk: a power cut loses orders", put_right)
    elif "DISABLE_DIRSYNC" in options:
        found = f"{name} was built not to wait for the folder of a new file: a power cut may lose the newest writes"
        yield warning("sqlite", found, put_right)
    elif has_wal_reset_bug(version):
        yield ok(
            "sqlite",
            f"{name} has the WAL-reset bug (until {_dotted(WAL_RESET_ENDED)}), which needs two writers. orderferry "
            "writes by one connection alone, so it is safe; only let no other program write into the store",
        )
    else:
        yield ok("sqlite", name)


def clock(offsets: Mapping[str, timedelta], *, synchronised: bool | None) -> Iterator[Finding]:
    """This machine's clock against those of the platforms (positive: ours is ahead) and against its own keeper.

    One platform's clock may itself be wrong, so the middle of all counts; and where there is but one, a clock that this
    machine keeps in step is believed more than it.
    """
    keep = "`timedatectl set-ntp true` keeps the clock right"
    if not offsets:
        if synchronised is False:
            yield warning("clock", "nothing keeps this machine's clock right", keep)
        else:
            yield ok("clock", "it is kept in step" if synchronised else "no platform was asked for the time")
        return
    middle = timedelta(seconds=median(offset.total_seconds() for offset in offsets.values()))
    off = abs(middle)
    how = f"{_seconds(off)} {'ahead of' if middle > timedelta() else 'behind'} {_whose(offsets)}"
    if off > CLOCK_FAILS and synchronised and len(offsets) == 1:
        yield warning(
            "clock",
            f"this machine's clock, which is kept in step, is {how}: theirs is wrong",
            "tell the platform's host",
        )
    elif off > CLOCK_FAILS:
        yield failed("clock", f"this machine's clock is {how}; logins fail by more than 2 minutes", f"set it: {keep}")
    elif off > CLOCK_WARNS:
        yield warning("clock", f"this machine's clock is {how}", f"set it before logins fail: {keep}")
    elif synchronised is False:
        yield warning("clock", "the clock is right, but nothing keeps it so", keep)
    else:
        kept = " and kept in step" if synchronised else ""
        yield ok("clock", f"right by {_whose(offsets)}{kept}")
    for host, offset in offsets.items():
        if off <= CLOCK_WARNS and abs(offset) > CLOCK_FAILS:
            yield warning("clock", f"the clock of {host} is {_seconds(abs(offset))} off", "tell the platform's host")


def _whose(offsets: Mapping[str, timedelta]) -> str:
    return next(iter(offsets)) if len(offsets) == 1 else f"{len(offsets)} platforms"


def _seconds(span: timedelta) -> str:
    seconds = abs(span.total_seconds())
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.0f} h"
    )


def time_zone(name: str, *, known: bool, offset: timedelta) -> Finding:
    """The zone in which times are shown; the store has UTC."""
    if not known:
        found = f"the time zone {name!r} is not known here, so times are shown in UTC"
        return warning("time zone", found, "set TZ to one such as Europe/Warsaw, or install tzdata")
    hours = offset.total_seconds() / 3600
    return ok("time zone", f"{name}, UTC{hours:+g}; the store keeps UTC")


class Room(Struct, frozen=True, kw_only=True):
    """What is free for this user where the data is, in bytes and in inodes; some file systems count no inodes."""

    free: int
    total: int
    inodes_free: int
    inodes: int


def disk(room: Room, store: int, folder: str) -> Finding:
    """Room for the store: a new schema and a backup each need a whole copy of it."""
    wanted = max(GOOD_ROOM, 2 * store)
    beside = f"{amount(room.free)} free of {amount(room.total)} for {folder} (the store has {amount(store)})"
    if room.inodes and room.inodes_free < 16:
        return failed(
            "disk", f"no more files can be made in {folder}: its inodes are used up", "delete small files there"
        )
    if room.free < LEAST_ROOM:
        return failed(
            "disk", f"{beside}; nothing can be sent on a full disk", "make room, or give data_dir another disk"
        )
    if room.free < wanted:
        return warning("disk", beside, f"make room: {amount(wanted)} are safe, for a backup and a new version's copy")
    if room.inodes and room.inodes_free < 1000:
        return warning("disk", f"{beside}; only {room.inodes_free} more files can be made", "delete small files there")
    return ok("disk", beside)


def open_files(limit: int | None, accounts: int) -> Finding:
    """How many files and connections one process may have open; None for no limit."""
    needed = FILES_OF_OURS + FILES_OF_AN_ACCOUNT * accounts
    if limit is None or limit >= 2 * needed:
        return ok("open files", "no limit" if limit is None else f"at most {limit}")
    found = f"a process may have only {limit} files open; {accounts} accounts may need {needed}"
    remedy = f"`ulimit -n {4 * needed}`, or LimitNOFILE={4 * needed} in the service"
    return warning("open files", found, remedy) if limit >= needed else failed("open files", found, remedy)


def memory(limits: Mapping[str, int], present: int | None) -> Finding:
    """How much memory a process gets: `limits` by what sets them, `present` what the machine has."""
    everything = dict(limits) if present is None else {**limits, "this machine": present}
    if not everything:
        return ok("memory", "no limit")
    by, least = min(everything.items(), key=lambda item: item[1])
    found = f"at most {amount(least)}, by {by}"
    if least < LEAST_MEMORY:
        return failed("memory", f"{found}; the program needs {amount(LEAST_MEMORY)}", "give it more")
    if least < GOOD_MEMORY:
        return warning("memory", found, f"{amount(GOOD_MEMORY)} leave room for many orders at once")
    return ok("memory", found)


def trust(openssl: str, certificates: int, where: Iterable[str]) -> Finding:
    """Which authorities vouch for the platforms' servers."""
    if not certificates:
        places = " or ".join(where) or "the usual places"
        found = f"{openssl} finds no authorities in {places}: no platform can be spoken to safely"
        return failed("certificates", found, "install the package ca-certificates")
    return ok("certificates", f"{openssl}, authorities of the system")


def module_name(name: str, ours: str, others: Iterable[str], owners: Collection[str]) -> Iterator[Finding]:
    """A module of ours, where Python finds it, and who else offers one of that name.

    `ours` is where it must be, `others` every place on the path that has one, in the order in which Python looks.
    """
    apart = "install orderferry in an environment of its own: python3 -m venv ~/orderferry"
    places = list(others)
    check = f"module {name}"
    if len(owners) > 1:
        found = (
            f"{' and '.join(sorted(owners))} both put a module `{name}` into this environment; one overwrites the other"
        )
        yield failed(check, found, apart)
    if places and places[0] != ours:
        yield failed(check, f"Python takes `{name}` from {places[0]}, not ours from {ours}", apart)
    elif len(places) > 1:
        found = f"{places[1]} has the same name, and stands behind ours"
        yield warning(check, found, f"it is not used now; {apart}")
