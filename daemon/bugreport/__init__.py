"""`orderferry bugreport`: what somebody needs who looks for a fault, and nothing that is nobody's business.

Gathered with or without a running daemon; each part goes through one `Blotter`, so that a host or an order has the same
other name in all of them.
"""

from __future__ import annotations

import io
import json
import os
import platform
import pwd
import socket
import sqlite3
import ssl
import sys
import tarfile
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import msgspec
import tomli
import tomlkit

from daemon import doctor, logs
from daemon.bugreport import settings
from daemon.control.client import Client, DaemonAway, Refused
from daemon.core.redacting import Blotter
from daemon.doctor.scene import Scene, look
from daemon.store import facts
from daemon.store.connection import FILE

ROWS = 500
FIRST_PERSON = 1000  # below are the users of the system itself
LOG_LINES = 1000
LOG_BYTES = 1024 * 1024

ABOUT: Mapping[str, str] = {
    "versions.json": "orderferry, Python, SQLite, the system, and every installed package with its version",
    "doctor.json": "what `orderferry doctor` found",
    "config.toml": "your settings: keys as you wrote them; secrets, logins, addresses and free texts blotted out",
    "plugins.json": "the platforms that are installed, and plugins that do not run",
    "status.json": "`orderferry status`",
    "accounts.json": "`orderferry accounts`",
    "store.json": "the store's schema and sizes, and how many rows and jobs there are",
    "journal.jsonl": f"the journal's last {ROWS} rows, with other names for orders and hosts",
    "log.txt": f"the log's last {LOG_LINES} lines, likewise",
}
"""What each file of the archive holds."""


class Report(msgspec.Struct, frozen=True):
    """The files of the archive by name, and what could not be had, in sentences."""

    files: Mapping[str, bytes]
    missing: tuple[str, ...]


def gather(config: Path, log: list[str] | None, *, offline: bool) -> Report:
    """Everything, cleared; `log` are lines of the daemon's, as `last_lines` reads them."""
    scene = look(config, os.environ)
    findings = doctor.examine(scene, offline=offline)
    blotter = Blotter(_scrub, public=settings.public_hosts(scene.catalogue.platforms))
    files: dict[str, bytes] = {}
    missing: list[str] = []
    document = _document(config)
    _learn(scene, document, blotter)
    stored = _stored(scene, missing)
    if stored is not None:
        blotter.learn({"external_id": stored.ids})
        blotter.learn(stored.journal)

    def put(name: str, value: Any) -> None:
        files[name] = (json.dumps(blotter.value(value), indent=1, ensure_ascii=False) + "\n").encode()

    files["versions.json"] = (json.dumps(_versions(scene), indent=1) + "\n").encode()
    put("doctor.json", _findings(findings))
    if document is None:
        missing.append("config.toml can't be read, so it is not in it")
    else:
        shown = settings.redacted(document, scene.catalogue.platforms, blotter)
        files["config.toml"] = tomlkit.dumps(shown).encode()
    put("plugins.json", _plugins(scene))
    for name in ("status", "accounts"):
        try:
            value = Client(scene.socket, timeout=20).get(name).value
            put(f"{name}.json", [_without_notes(one) for one in value] if name == "accounts" else value)
        except (DaemonAway, Refused) as trouble:
            missing.append(f"{name}: {trouble}")
    if stored is not None:
        figures = {"schema": stored.schema, "page_size": stored.page_size, "pages": stored.pages}
        counts = {"free_pages": stored.free_pages, "rows": stored.rows, "jobs": stored.jobs}
        put("store.json", {**figures, **counts, "files": _sizes(scene)})
        lines = [json.dumps(blotter.value(row), ensure_ascii=False) for row in stored.journal]
        files["journal.jsonl"] = "".join(f"{line}\n" for line in lines).encode()
    if log is not None:
        files["log.txt"] = _log(log, blotter)
    return Report(files, tuple(map(blotter.text, missing)))


def write(report: Report, to: Path) -> None:
    """Writes the archive, which only this user may read; raises `FileExistsError` and other `OSError`s."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for name, content in report.files.items():
            member = tarfile.TarInfo(f"orderferry-bugreport/{name}")
            member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
            archive.addfile(member, io.BytesIO(content))
    number = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(whole.getvalue())


def _scrub(text: str) -> str:
    return str(logs.scrub(None, "", {"text": text})["text"])


def _document(config: Path) -> dict[str, Any] | None:
    try:
        return tomli.loads(config.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _learn(scene: Scene, document: Mapping[str, Any] | None, blotter: Blotter) -> None:
    """Everything personal that is known here: from the settings, from the files they name, and of this machine."""
    if document is not None:
        settings.learn(document, scene.catalogue.platforms, blotter)
    for secret in settings.secrets(scene.config):
        blotter.secret(secret.reveal())
    if (name := socket.gethostname()) not in {"localhost", "orderferry"}:
        blotter.host(name)
    if os.getuid() >= FIRST_PERSON:
        with suppress(KeyError):
            blotter.secret(pwd.getpwuid(os.getuid()).pw_name)


def _versions(scene: Scene) -> dict[str, Any]:
    release: dict[str, str] = {}
    with suppress(OSError):
        release = platform.freedesktop_os_release()
    return {
        "orderferry": scene.version,
        "daemon": scene.answering.version,
        "python": sys.version,
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION,
        "system": release.get("PRETTY_NAME", platform.system()),
        "kernel": f"{platform.release()} {platform.machine()}",
        "packages": dict(sorted({str(one.name): one.version for one in distributions()}.items())),
    }


def _findings(report: doctor.Report) -> dict[str, Any]:
    """The doctor's findings, without what stands where the settings have mistakes, and without the accounts' owners."""
    value: dict[str, Any] = msgspec.to_builtins(report)
    for finding in value["findings"]:
        if finding["check"] == "settings":
            finding["found"] = _unquoted(finding["found"])
        elif finding["check"].startswith("account:") and finding["weight"] == "ok":
            finding["found"] = "its own check is content"
    return value


def _without_notes(account: dict[str, Any]) -> dict[str, Any]:
    """An account without what its platform says of its owner."""
    return {key: value for key, value in account.items() if key != "notes"}


def _unquoted(text: str) -> str:
    """The sentence without what is in quotes: a seller may have put a secret in the wrong place."""
    parts = text.split('"')
    return '"'.join("***" if place % 2 else part for place, part in enumerate(parts))


def _plugins(scene: Scene) -> dict[str, Any]:
    return {
        "platforms": {
            name: f"{kind.__module__}.{kind.__qualname__}" for name, kind in scene.catalogue.platforms.items()
        },
        "refused": msgspec.to_builtins(scene.catalogue.refused),
    }


def _stored(scene: Scene, missing: list[str]) -> facts.StoreFacts | None:
    path = scene.data_dir / FILE
    try:
        if path.exists():
            return facts.read(path, ROWS)
        missing.append("there is no store yet")
    except (sqlite3.Error, OSError) as error:
        missing.append(f"the store can't be read: {error}")
    return None


def _sizes(scene: Scene) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(scene.data_dir.glob("*")) if path.is_file()}


def last_lines(log: Path) -> list[str]:
    """The end of a log; raises `OSError`."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
        return file.read().decode("utf-8", "replace").splitlines()[-LOG_LINES:]


def _log(lines: list[str], blotter: Blotter) -> bytes:
    values = [_json(line) for line in lines]
    blotter.learn(values)  # first of all, since a line may speak of an order that a later one names
    cleared = [
        json.dumps(blotter.value(value), ensure_ascii=False) if isinstance(value, dict) else blotter.text(line)
        for line, value in zip(lines, values, strict=True)
    ]
    return "".join(f"{line}\n" for line in cleared).encode()


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
