"""The doctor's findings by their values: what fails, what is worth a look, and that neither is said too early."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.doctoring import machine, places, reach
from daemon.core.doctoring.finding import Finding, Weight, amount, failed, ok, summary, warning
from daemon.core.doctoring.machine import GIB, MIB, Room
from daemon.core.doctoring.places import Answering, Header, Held
from daemon.core.doctoring.reach import Place, Reached
from daemon.core.mounts import Mount, mount_of

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def weights(findings: Iterable[Finding]) -> list[str]:
    return [finding.weight for finding in findings]


def test_the_summary_begins_with_what_is_worst() -> None:
    found = [ok("a", ""), failed("b", "", "c"), warning("d", "", "e"), ok("f", "")]
    assert summary(found) == "1 failed, 1 to look at, 2 in order"
    assert summary(found[:1]) == "1 in order"


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (3 * MIB // 2, "1.5 MiB"), (2000 * GIB, "2000 GiB")],
)
def test_amounts_are_for_people(size: int, told: str) -> None:
    assert amount(size) == told


@pytest.mark.parametrize(
    ("version", "has_it"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_the_wal_reset_bug_is_known_and_no_cause_for_alarm(version: tuple[int, ...], *, has_it: bool) -> None:
    assert machine.has_wal_reset_bug(version) is has_it
    [found] = machine.sqlite(version, {"THREADSAFE=1"})
    assert found.weight == "ok"
    assert ("WAL-reset" in found.found) is has_it


@pytest.mark.parametrize(
    ("option", "weight"),
    [("THREADSAFE=0", "failed"), ("OMIT_WAL", "failed"), ("NO_SYNC", "failed"), ("DISABLE_DIRSYNC", "warning")],
)
def test_an_sqlite_that_was_built_unsafely_is_told(option: str, weight: Weight) -> None:
    assert weights(machine.sqlite((3, 53, 0), {option})) == [weight]


def clocks(*seconds: float) -> Mapping[str, timedelta]:
    return {f"host{place}": timedelta(seconds=off) for place, off in enumerate(seconds)}


@pytest.mark.parametrize(
    ("offsets", "synchronised", "expected"),
    [
        ([], None, ["ok"]),
        ([], True, ["ok"]),
        ([], False, ["warning"]),
        ([0.4], None, ["ok"]),
        ([0.4], False, ["warning"]),
        ([29], True, ["ok"]),
        ([-31], True, ["warning"]),
        ([119], None, ["warning"]),
        ([121], None, ["failed"]),
        ([-3600], False, ["failed"]),
        ([3600], True, ["warning"]),  # one server against a clock that is kept in step: the server is wrong
        ([3600, 3601], True, ["failed"]),
        ([0, 1, 3600], None, ["ok", "warning"]),  # two agree, so the third is the one that is wrong
    ],
)
def test_the_clock_is_judged_by_the_middle_of_all(
    offsets: list[float], expected: list[str], *, synchronised: bool | None
) -> None:
    assert weights(machine.clock(clocks(*offsets), synchronised=synchronised)) == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.sampled_from([True, False, None]))
def test_a_clock_that_most_find_wrong_never_passes(offsets: list[float], synchronised: bool | None) -> None:
    wrong = sum(off > 121 for off in offsets)
    if 2 * wrong > len(offsets):
        assert "ok" not in weights(machine.clock(clocks(*offsets), synchronised=synchronised))


def test_an_unknown_time_zone_is_told() -> None:
    assert machine.time_zone("Europe/Warsaw", known=True, offset=timedelta(hours=1)).found.startswith(
        "Europe/Warsaw, UTC+1"
    )
    assert machine.time_zone("Europe/Warszawa", known=False, offset=timedelta()).weight == "warning"


@pytest.mark.parametrize(
    ("free", "inodes_free", "store", "weight"),
    [
        (10 * GIB, 10_000, 0, "ok"),
        (10 * GIB, 10_000, 6 * GIB, "warning"),  # no room for a copy and a backup
        (200 * MIB, 10_000, 0, "warning"),
        (15 * MIB, 10_000, 0, "failed"),
        (10 * GIB, 900, 0, "warning"),
        (10 * GIB, 3, 0, "failed"),
    ],
)
def test_room_is_measured_by_the_store(free: int, inodes_free: int, store: int, weight: Weight) -> None:
    room = Room(free=free, total=20 * GIB, inodes_free=inodes_free, inodes=20_000)
    assert machine.disk(room, store, "/data").weight == weight


def test_a_file_system_without_inodes_is_not_out_of_them() -> None:
    assert machine.disk(Room(free=GIB, total=GIB, inodes_free=0, inodes=0), 0, "/data").weight == "ok"


@pytest.mark.parametrize(("limit", "weight"), [(None, "ok"), (1024, "ok"), (100, "warning"), (60, "failed")])
def test_the_files_that_may_be_open_are_counted_by_accounts(limit: int | None, weight: Weight) -> None:
    assert machine.open_files(limit, 3).weight == weight


def test_the_tightest_limit_of_memory_counts() -> None:
    assert machine.memory({}, None).weight == "ok"
    assert machine.memory({}, GIB).weight == "ok"
    found = machine.memory({"its control group": 128 * MIB, "ulimit -v": GIB}, 8 * GIB)
    assert (found.weight, found.found) == ("warning", "at most 128 MiB, by its control group")
    assert machine.memory({"its control group": 64 * MIB}, 8 * GIB).weight == "failed"


def test_without_authorities_nobody_can_be_trusted() -> None:
    assert machine.trust("OpenSSL 3", 0, ["/etc/ssl/certs"]).weight == "failed"
    assert machine.trust("OpenSSL 3", 140, ["/etc/ssl/certs"]).weight == "ok"


@pytest.mark.parametrize(
    ("others", "owners", "expected"),
    [
        (["/ours/daemon"], ["orderferry"], []),
        ([], [], []),
        (["/ours/daemon", "/usr/lib/daemon"], ["orderferry"], ["warning"]),
        (["/usr/lib/daemon", "/ours/daemon"], ["orderferry"], ["failed"]),
        (["/ours/daemon"], ["orderferry", "python-daemon"], ["failed"]),
    ],
)
def test_a_module_of_our_name_is_told_by_where_it_stands(
    others: list[str], owners: list[str], expected: list[str]
) -> None:
    found = list(machine.module_name("daemon", "/ours/daemon", others, set(owners)))
    assert weights(found) == expected
    assert all("environment of its own" in (finding.remedy or "") for finding in found)


def held(path: str = "/d/key", mode: int = 0o600, uid: int = 7, **more: str) -> Held:
    given = {"owner": f"u{uid}", "group": "g", "kind": "file", **more}
    return Held(path=path, mode=mode, uid=uid, **given)  # type: ignore[arg-type] # a kind among other texts


@pytest.mark.parametrize(
    ("mode", "sealed", "expected"),
    [
        (0o600, False, []),
        (0o400, False, []),
        (0o640, False, ["failed"]),
        (0o604, False, ["failed"]),
        (0o640, True, ["warning"]),
        (0o644, True, ["warning"]),
        (0o660, True, ["failed"]),
        (0o602, True, ["failed"]),
    ],
)
def test_who_else_may_open_a_file_is_told(mode: int, expected: list[str], *, sealed: bool) -> None:
    found = list(places.private("data folder", held(mode=mode), sealed=sealed))
    assert weights(found) == expected
    assert [finding.remedy for finding in found] == ["chmod 600 /d/key"] * len(expected)


def test_a_file_of_somebody_else_is_told_with_the_command() -> None:
    folder = held("/d", 0o700, kind="folder")
    found = list(places.owners(folder, [held(), held("/d/orders.db-wal", uid=0)], 7, "u7"))
    assert [(one.weight, one.remedy) for one in found] == [("failed", "chown u7: /d/orders.db-wal")]
    assert weights(places.owners(folder, [held()], 7, "u7")) == ["ok"]
    [finding] = places.owners(folder, [held()], 0, "root")
    assert (finding.weight, finding.remedy) == ("warning", "sudo -u u7 orderferry doctor")


MOUNTS = """\
24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 24 0:26 / /srv rw - nfs4 server:/srv rw
31 30 0:27 / /srv/my\\040data ro,noatime - ext4 /dev/vdb rw
32 24 0:28 / /srvx rw - tmpfs tmpfs rw
not a mount
"""


@pytest.mark.parametrize(
    ("path", "kind", "read_only"),
    [
        ("/var/lib", "ext4", False),
        ("/srv", "nfs4", False),
        ("/srv/orders", "nfs4", False),
        ("/srv/my data/x", "ext4", True),
        ("/srvx/a", "tmpfs", False),
        ("/srvy", "ext4", False),
    ],
)
def test_the_mount_of_a_path_is_the_nearest(path: str, kind: str, *, read_only: bool) -> None:
    mount = mount_of(MOUNTS, path)
    assert mount is not None
    assert (mount.kind, mount.read_only) == (kind, read_only)


@pytest.mark.parametrize(
    ("kind", "weight"),
    [
        ("ext4", "ok"),
        ("btrfs", "ok"),
        ("nfs", "failed"),
        ("nfs4", "failed"),
        ("cifs", "failed"),
        ("overlay", "warning"),
        ("tmpfs", "warning"),
        ("fuse.sshfs", "warning"),
        ("fuseblk", "warning"),
    ],
)
def test_the_kind_of_disk_decides(kind: str, weight: Weight) -> None:
    assert places.file_system(Mount(kind=kind, point="/d", read_only=False)).weight == weight


def test_a_disk_that_can_not_be_written_fails_whatever_its_kind() -> None:
    assert places.file_system(Mount(kind="ext4", point="/d", read_only=True)).weight == "failed"
    assert places.file_system(None).weight == "ok"
    assert mount_of("", "/d") is None


@pytest.mark.parametrize(
    ("header", "log", "expected"),
    [
        (Header(application=9, schema=3), 0, ["ok"]),
        (Header(application=9, schema=2), 0, ["ok"]),
        (Header(application=9, schema=4), 0, ["failed"]),
        (Header(application=8, schema=3), 0, ["failed"]),
        (None, 0, ["failed"]),
        (Header(application=9, schema=3), 100 * MIB, ["ok", "warning"]),
    ],
)
def test_a_store_is_told_by_its_first_page(header: Header | None, log: int, expected: list[str]) -> None:
    assert weights(places.store("/d/orders.db", header, application=9, newest=3, size=8192, log=log)) == expected


@given(st.binary(max_size=120))
def test_any_first_page_is_read_or_is_none(first: bytes) -> None:
    assert places.header_of(first) is None or first.startswith(b"SQLite format 3\0")


def test_a_store_that_was_there_is_missed() -> None:
    assert places.no_store("/d/orders.db", "/d/installation", marked=True, sealed=False).weight == "failed"
    assert places.no_store("/d/orders.db", "/d/installation", marked=False, sealed=True).weight == "ok"


def test_an_old_backup_is_told() -> None:
    assert places.backup(None, "/d/backups").weight == "warning"
    assert places.backup(timedelta(hours=40), "/d/backups").weight == "ok"
    assert places.backup(timedelta(days=3), "/d/backups").weight == "warning"


def test_a_key_that_does_not_fit_is_told_by_account() -> None:
    assert weights(places.key("it is missing", 0, [])) == ["failed"]
    assert weights(places.key(None, 2, [])) == ["ok"]
    [found] = places.key(None, 1, ["allegro-main"])
    assert found.remedy is not None
    assert found.remedy.endswith("orderferry login allegro-main")


def test_the_holder_of_a_lock_is_found_by_its_file() -> None:
    locks = "1: POSIX  ADVISORY  WRITE 11 fe:00:42 0 EOF\n2: FLOCK  ADVISORY  WRITE 12 fe:00:42 0 EOF\nrubbish\n"
    assert places.lock_holder(locks, 42) == 12
    assert places.lock_holder(locks, 4) is None


AWAY = Answering(trouble="no daemon answers at /s")


@pytest.mark.parametrize(
    ("answering", "holder", "expected"),
    [
        (AWAY, None, ["ok"]),
        (AWAY, 12, ["failed"]),
        (Answering(data_dir="/d", version="1"), 12, ["ok"]),
        (Answering(data_dir="/d", version="1"), None, ["ok"]),
        (Answering(data_dir="/d", version="0"), 12, ["ok", "warning"]),
        (Answering(data_dir="/e", version="1"), None, ["failed"]),
        (Answering(data_dir="/e", version="1"), 12, ["failed", "failed"]),
    ],
)
def test_one_daemon_alone_must_work_with_these_settings(
    answering: Answering, holder: int | None, expected: list[str]
) -> None:
    assert weights(places.daemon(answering, "/d", holder, "/s", "1")) == expected


@pytest.mark.parametrize(
    ("mode", "kind", "folder", "expected"),
    [
        (0o660, "socket", 0o750, ["ok"]),
        (0o666, "socket", 0o755, ["warning"]),
        (0o666, "socket", 0o750, ["ok"]),  # nobody else comes as far as the socket
        (0o660, "socket", 0o777, ["failed", "ok"]),
        (0o660, "socket", 0o1777, ["ok"]),
        (0o600, "file", 0o750, ["failed"]),
    ],
)
def test_who_reaches_the_socket_is_told(mode: int, kind: str, folder: int, expected: list[str]) -> None:
    found = places.socket(held("/r/s", mode, kind=kind), held("/r", folder, kind="folder"), "/r/s")
    assert weights(found) == expected
    assert weights(places.socket(None, None, "/r/s")) == []


SHOP = Place("shop.example", 443, tls=True)


@pytest.mark.parametrize(
    ("reached", "weight", "said"),
    [
        (Reached(place=SHOP, ends=NOW + timedelta(days=60), seconds=0.2), "ok", "until 2027-01-22"),
        (Reached(place=SHOP, ends=NOW + timedelta(days=13)), "warning", "ends in 13 days"),
        (Reached(place=SHOP, seconds=9), "warning", "needs 9 s"),
        (Reached(place=SHOP, stopped="name", why="not known"), "failed", "the name shop.example is not found"),
        (Reached(place=SHOP, stopped="connection", why="refused"), "failed", "at port 443: refused"),
        (Reached(place=SHOP, stopped="certificate", why="certificate has expired"), "failed", "has expired"),
        (Reached(place=SHOP, stopped="answer", why="no answer within 10 s"), "failed", "does not answer"),
    ],
)
def test_the_way_is_told_as_far_as_it_went(reached: Reached, weight: Weight, said: str) -> None:
    found = reach.way("my-shop", reached, NOW)
    assert (found.check, found.weight) == ("way:my-shop", weight)
    assert said in found.found
    assert (found.remedy is None) == (weight == "ok")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://shop.example", SHOP),
        ("https://shop.example:8443/a", Place("shop.example", 8443, tls=True)),
        ("http://127.0.0.1", Place("127.0.0.1", 80, tls=False)),
        ("http://[::1]:81", Place("::1", 81, tls=False)),
    ],
)
def test_an_address_names_a_server(url: str, place: Place) -> None:
    assert reach.place_of(url) == place


def test_what_the_platform_says_is_told_with_its_notes() -> None:
    assert weights(reach.checked("my-shop", "WooCommerce 9", ["no payments"], fine=True)) == ["ok", "ok"]
    assert weights(reach.checked("my-shop", "401: bad key", [], fine=False)) == ["failed"]
    assert weights(reach.open_problems(["2 jobs are parked"])) == ["warning"]


FINDERS = (
    *machine.clock(clocks(3600), synchronised=None),
    *places.daemon(AWAY, "/d", 12, "/s", "1"),
    *places.key("it is missing", 0, []),
    *machine.sqlite((3, 53, 0), {"NO_SYNC"}),
)


@pytest.mark.parametrize("finding", FINDERS, ids=lambda finding: finding.check)
def test_whatever_is_wrong_comes_with_what_helps(finding: Finding) -> None:
    assert finding.remedy
