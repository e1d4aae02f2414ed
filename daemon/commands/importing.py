"""The verb that takes orders from a file: it reads the file itself, and hands the orders to the daemon in batches."""
# ruff: noqa: PLC0415 - the imports inside are what keeps the other verbs quick

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.commands import completing, words
from daemon.commands.group import FAILED, Failure, client, json_option, paint, socket_option

if TYPE_CHECKING:
    from daemon.control.client import Client
    from daemon.imports.reading import Batch, Reading

IMPLICIT = "import"
PROGRESS_EVERY = 2.0


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--account", metavar="NAME", shell_complete=completing.imports, help="Into this account of [imports.NAME]."
)
@click.option("--mapping", metavar="FILE", type=click.Path(path_type=Path), help="Which column is which field.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@socket_option
@json_option
@click.pass_context
def import_(
    ctx: click.Context, file: Path, *, account: str | None, mapping: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Take orders from FILE: CSV, JSON or XML.

    An order is taken once, however often its file is given. A bad row is told with its line; mend it and import again.
    """
    from datetime import UTC, datetime

    from daemon.core.import_fields import SourceMap, UnclearColumns
    from daemon.imports.faults import FileFault
    from daemon.imports.mapping import read_mapping
    from daemon.imports.reading import Reading

    asked = client(ctx)
    name, configured = _account(asked, account)
    mapping = mapping or configured
    told = _Told(name, file, as_json=as_json, dry_run=dry_run)
    try:
        source = read_mapping(mapping) if mapping is not None else SourceMap()
        with Reading(file, source, datetime.now(UTC)) as reading:
            told.begin(reading)
            for batch in reading.batches:
                answer = asked.post("imports", name, "orders", body=_body(batch, reading, dry_run=dry_run))
                told.batch(batch, answer.value, reading)
            told.end(reading)
    except UnclearColumns as unclear:
        told.end(None)
        if unclear.start and not as_json:
            click.echo(unclear.start, nl=False)
        raise Failure(f"{words.clean(file.name)}: {words.clean(unclear)}{_hint(unclear.start)}") from unclear
    except FileFault as fault:
        told.end(None)
        raise Failure("\n".join(map(words.clean, f"{file.name}: {fault}".splitlines()))) from fault
    if told.bad:
        raise Failure(f"{told.bad} could not be taken; mend them in the file, and import it again", FAILED)


def _hint(start: str) -> str:
    return "\na mapping file to begin with was printed; give yours with --mapping" if start else ""


def _account(asked: Client, account: str | None) -> tuple[str, Path | None]:
    """The account to import into, and the mapping that config.toml names for it."""
    imports = {one["name"]: one["mapping"] for one in asked.get("accounts").value if one["role"] == "import"}
    if account is None and len(imports) > 1:
        raise click.UsageError(f"say into which account: --account {' or --account '.join(imports)}")
    name = account or next(iter(imports), IMPLICIT)
    mapping = imports.get(name)
    return name, None if mapping is None else Path(mapping)


def _body(batch: Batch, reading: Reading, *, dry_run: bool) -> bytes:
    from daemon.imports.reading import parked

    unread = [
        {"external_id": one.external_id, "reason": one.reason, "raw": one.raw} for one in parked(batch.complaints)
    ]
    rest = json.dumps({"malformed": unread, "undated": reading.undated, "dry_run": dry_run}).encode()
    return b'{"orders":[' + b",".join(batch.encoded) + b"]," + rest[1:]


class _Told:
    """What is said meanwhile and at the end."""

    def __init__(self, name: str, file: Path, *, as_json: bool, dry_run: bool) -> None:
        self.bad = 0
        self._name = name
        self._file = file.name
        self._as_json = as_json
        self._dry_run = dry_run
        self._counts: Counter[str] = Counter()
        self._said = time.monotonic()

    def begin(self, reading: Reading) -> None:
        """How the file is read."""
        if not self._as_json:
            click.echo(words.clean(f"{self._file}: {reading.about}"), err=True)

    def batch(self, batch: Batch, answer: Any, reading: Reading) -> None:
        """What came of a batch: the bad ones now, the rest in the end."""
        for one in batch.complaints:
            self._say(line=one.line, order=one.number, reason=one.reason)
        for one in answer["orders"]:
            if one["verdict"] == "refused":
                self._say(line=None, order=one["external_id"], reason=one["reason"])
        self._counts.update({key: answer[key] for key in ("new", "changed", "same")})
        if time.monotonic() - self._said > PROGRESS_EVERY:
            self._said = time.monotonic()
            share = 100 * reading.read() // max(reading.size, 1)
            click.echo(words.clean(f"{self._file}: {share} %, {self._text()} so far"), err=True)

    def end(self, reading: Reading | None) -> None:
        """What came of all; without the reading, of what was read until it broke."""
        if self._as_json:
            counts = {key: self._counts[key] for key in ("new", "changed", "same")}
            done = {
                "account": self._name,
                **counts,
                "bad": self.bad,
                "dry_run": self._dry_run,
                "done": reading is not None,
            }
            return click.echo(json.dumps(done))
        if reading is not None and (unused := reading.unused()):
            click.echo(words.clean(f"{self._file}: not used: {', '.join(unused)}"), err=True)
        would = ", if it were no dry run" if self._dry_run else ""
        if reading is not None or self._counts.total() or self.bad:
            click.echo(words.clean(f"{self._name}: {self._text()}{would}"))
        return None

    def _text(self) -> str:
        bad = f", {self.bad} could not be taken" if self.bad else ""
        return (
            f"{self._counts['new']} new, {self._counts['changed']} changed, {self._counts['same']} known already{bad}"
        )

    def _say(self, *, line: int | None, order: str | None, reason: str) -> None:
        self.bad += 1
        if self._as_json:
            return click.echo(json.dumps({"line": line, "order": order, "reason": reason}))
        place = ", ".join(part for part in (f"line {line}" if line else "", f"order {order}" if order else "") if part)
        click.echo(f"{paint('!', 'red')} {words.clean(f'{self._file}, {place}: {reason}')}")
        return None
