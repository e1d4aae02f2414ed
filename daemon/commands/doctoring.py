"""The verbs that find out what is wrong; they import the program only when they are called."""
# ruff: noqa: PLC0415 - the imports inside are what keeps the other verbs quick

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.commands import words
from daemon.commands.group import FAILED, Failure, config_option, paint

if TYPE_CHECKING:
    from daemon.doctor import Report

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}
_NARROWEST = 24


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.option("--offline", is_flag=True, help="Ask no platform.")
@click.pass_context
def doctor(ctx: click.Context, *, config: Path, as_json: bool, offline: bool) -> None:
    """Find out what is wrong, and what helps.

    Looks at the machine, the files, the settings and the way to every platform, with or without a running daemon.
    """
    import msgspec

    from daemon.doctor import examine
    from daemon.doctor.scene import look

    report = examine(look(config, os.environ), offline=offline)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        for line in lines(report, words.screen() or 120):
            click.echo(line)
    ctx.exit(0 if report.ok else FAILED)


@click.command()
@config_option
@click.option("--to", metavar="FILE", type=click.Path(path_type=Path), help="Where it is written; else here.")
@click.option(
    "--log", metavar="FILE", type=click.Path(path_type=Path), help="With the end of this log of the daemon's."
)
@click.option("--offline", is_flag=True, help="Ask no platform.")
@click.pass_context
def bugreport(ctx: click.Context, *, config: Path, to: Path | None, log: Path | None, offline: bool) -> None:
    """Write an archive for whoever looks for a fault.

    Without secrets and without data of buyers, and with other names for orders and hosts. Nothing is sent anywhere.
    """
    from daemon import bugreport as reporting

    to = to or Path(f"orderferry-bugreport-{words.now():%Y%m%d-%H%M%S}.tar.gz")
    if to.exists():
        raise Failure(f"{to} is there already and is left as it is; name another file with --to")
    try:
        said = None if log is None else reporting.last_lines(log)
    except OSError as error:
        raise Failure(f"{log} can't be read: {error.strerror}") from error
    report = reporting.gather(config, said, offline=offline)
    try:
        reporting.write(report, to)
    except OSError as error:
        raise Failure(f"{to} can't be written: {error.strerror}") from error
    click.echo(f"{to} holds:")
    for name, content in report.files.items():
        click.echo(f"  {name:<14} {len(content):>9} bytes  {reporting.ABOUT[name]}")
    for missing in report.missing:
        click.echo(f"{paint('!', 'yellow')} not in it: {words.clean(missing)}")
    click.echo("The names of your accounts and of your map entries are in it as you wrote them.")
    click.echo(f"Look through it before you send it to anybody: tar -xzf {to}")
    ctx.exit(0)


def lines(report: Report, width: int) -> Iterator[str]:
    """The report for people: a line for each finding, and below it what helps; then how many of each weight."""
    from daemon.core.doctoring.finding import summary

    names = max((len(finding.check) for finding in report.findings), default=0)
    for finding in report.findings:
        word = f"{finding.weight.upper() if finding.weight == 'failed' else finding.weight:<7}"
        head = f"{word}  {finding.check:<{names}}  "
        room = max(_NARROWEST, width - len(head))
        told = _wrapped(words.clean(finding.found), room)
        if finding.remedy is not None:
            told += _wrapped(f"-> {words.clean(finding.remedy)}", room)
        yield f"{paint(word, _COLOURS[finding.weight])}{head[len(word) :]}{told[0]}"
        yield from (" " * len(head) + line for line in told[1:])
    yield summary(report.findings) + "."


def _wrapped(text: str, room: int) -> list[str]:
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
