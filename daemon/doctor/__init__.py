"""`orderferry doctor`: looks at everything that orderferry stands on, with or without a running daemon.

Gathers what is, and hands it to `daemon.core.doctoring`. Changes nothing; like `orderferry check`,
the check of an account may renew a login that has run out.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable

import msgspec

from daemon import logs
from daemon.core.doctoring.finding import Finding, failed, warning
from daemon.core.doctoring.machine import clock
from daemon.doctor import machine, network, places
from daemon.doctor.progress import Progress
from daemon.doctor.scene import Scene

Check = Callable[[Scene], Iterable[Finding]]

CHECKS: tuple[Check, ...] = (
    machine.program,
    machine.sqlite,
    machine.modules,
    machine.plugins,
    machine.trust,
    machine.time_zone,
    machine.memory,
    machine.open_files,
    places.settings,
    places.files,
    places.file_system,
    machine.disk,
    places.store,
    places.backup,
    places.key,
    places.daemon,
    places.socket,
    places.open_problems,
)
"""What is looked at without the network, in the order in which it is told: a further check is a line here."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `orderferry doctor --json` prints."""

    ok: bool
    version: str
    config: str
    findings: tuple[Finding, ...]


def examine(scene: Scene, *, offline: bool) -> Report:
    """All findings; the accounts are asked unless `offline`."""
    logs.configure("error", "console")
    findings = [finding for check in CHECKS for finding in _guarded(check, scene)]
    if offline:
        findings += clock({}, synchronised=machine.kept_in_step())
    else:
        with Progress(sys.stderr) as progress:
            findings += asyncio.run(network.examine(scene, progress.tell))
    sound = all(finding.weight != "failed" for finding in findings)
    return Report(ok=sound, version=scene.version, config=str(scene.path), findings=tuple(findings))


def _guarded(check: Check, scene: Scene) -> list[Finding]:
    """The check's findings; one that breaks must not keep the others from being told."""
    name = check.__name__.replace("_", " ")
    try:
        return list(check(scene))
    except PermissionError as error:
        found = f"this user may not look into {error.filename}"
        return [warning(name, found, "run doctor as the user that the daemon runs as")]
    except Exception as error:  # noqa: BLE001 - a broken machine may break a check in any way
        found = f"it could not be looked at ({type(error).__name__}: {error})"
        return [failed(name, found, "read the message; if it is no help, send it with `orderferry bugreport`")]
