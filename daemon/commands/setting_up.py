"""The verbs that help to write config.toml; like those of `starting` they need no running daemon."""
# ruff: noqa: PLC0415 - the imports inside are what keeps the other verbs quick

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.commands import words
from daemon.commands.group import CONFIG, Failure, config_option

if TYPE_CHECKING:
    from daemon.setup.mapping import MapView

_STATES = {
    "written": "in config.toml",
    "preset": "by itself",
    "off": "not told, in config.toml",
    "proposed": "proposed",
    "open": "",
}


@click.command()
@config_option
@click.pass_context
def init(ctx: click.Context, *, config: Path) -> None:
    """Write the first config.toml by question and answer.

    Tries each account before it is written. Where there is a config.toml already, an account is added to it.
    """
    from shlex import quote

    from daemon.setup import first

    ctx.exit(first.run(config, "" if config == CONFIG else f" --config {quote(str(config))}"))


@click.command(name="map")
@click.argument("account")
@click.argument("kind", type=click.Choice(["statuses", "payments", "deliveries"]))
@config_option
@click.option("--write", is_flag=True, help="Add what is proposed to the settings.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def map_(ctx: click.Context, account: str, kind: str, *, config: Path, write: bool, yes: bool, as_json: bool) -> None:
    """Show what your words are called at ACCOUNT, and propose what is missing.

    Changes nothing without --write, and never what stands in the settings already.
    """
    import msgspec

    from daemon.setup import mapping
    from orderferry import ChoiceKind

    if as_json and write and not yes:
        raise click.UsageError("--json asks nothing, so --write needs --yes beside it")
    try:
        view = mapping.gather(config, account, ChoiceKind(kind))
        if not as_json:
            _show(view)
        if write and view.proposed and (yes or click.confirm(f"Write these {len(view.proposed)} into {config}?")):
            mapping.write(config, view)
            view = msgspec.structs.replace(view, written=True)
    except mapping.MapError as error:
        raise Failure(str(error)) from error
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(view)).decode())
    elif view.written:
        click.echo(f"Written: {len(view.proposed)} into {config}. A running daemon takes them with: orderferry reload")
    elif view.proposed and not write:
        click.echo(f"To write what is proposed into {config}, say the same with --write.")
    ctx.exit(0)


def _show(view: MapView) -> None:
    titles = ("OURS", "ID THERE", "NAME THERE", "STATE")
    columns = [words.Column(title, elastic=title != "ID THERE") for title in titles]  # a cut id would be of no use
    cells = [
        (
            row.key if row.key == row.title else f"{row.key} ({row.title})",
            row.choice,
            row.choice_title or (row.choice and "there is none"),
            _STATES[row.state],
        )
        for row in view.rows
    ]
    click.echo("\n".join(words.table(columns, cells, words.screen())))
    click.echo(f"\nAll {view.kind.value} of {view.account} ({view.platform}):")
    columns = [words.Column("ID"), words.Column("NAME", elastic=True), words.Column("REMARK", elastic=True)]
    rows = [(choice.id, choice.title, _remark(choice.never, choice.not_new)) for choice in view.choices]
    click.echo("\n".join(words.table(columns, rows, words.screen())))
    click.echo()
    for note in view.notes:
        click.echo(words.clean(note), err=True)


def _remark(never: str | None, not_new: str | None) -> str | None:
    return f"never: {never}" if never else f"not for a new order: {not_new}" if not_new else None
