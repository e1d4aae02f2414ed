"""The file system at a place, out of the kernel's own table."""

from __future__ import annotations

import re

from msgspec import Struct

NETWORK = frozenset(
    {"9p", "afs", "ceph", "cifs", "coda", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"}
)
"""Those on which SQLite's locks don't hold (https://www.sqlite.org/wal.html: all processes on one machine)."""


class Mount(Struct, frozen=True, kw_only=True):
    """The file system at a place."""

    kind: str
    point: str
    read_only: bool


def mount_of(mountinfo: str, path: str) -> Mount | None:
    """The mount that holds an absolute path, out of the text of /proc/self/mountinfo (proc(5)); the last one wins."""
    best: Mount | None = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 6 or len(kinds) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and (best is None or len(point) >= len(best.point)):
            closed = "ro" in fields[5].split(",") or "ro" in kinds[2].split(",")
            best = Mount(kind=kinds[0], point=point, read_only=closed)
    return best
