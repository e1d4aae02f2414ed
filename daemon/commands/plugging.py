"""`orderferry plugins`: what is installed, what runs of it, and the beginning of a plugin of one's own."""
# ruff: noqa: PLC0415 - the imports inside are what keeps the other verbs quick

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from daemon.commands import words
from daemon.commands.group import FAILED, Failure, client, config_option, json_option, paint, print_json, socket_option
from daemon.control.client import Answer, DaemonAway

_STATE = {"runs": ("runs", "green"), "not_enabled": ("not enabled", "yellow"), "refused": ("refused", "red")}


@click.group(invoke_without_command=True)
@config_option
@socket_option
@json_option
@click.pass_context
def plugins(ctx: click.Context, *, config: Path, as_json: bool) -> None:
    """Show the plugins, and why one does not run.

    Asks the daemon that runs. Where none does, and with --config, it tells what a start with these settings would run.
    """
    if ctx.invoked_subcommand is not None:
        return
    answer = _of_daemon(ctx, config) or _of_settings(config)
    if as_json:
        print_json(answer)
        return
    for one in answer.value:
        for line in _lines(one, words.screen() or 120):
            click.echo(line)


def _of_daemon(ctx: click.Context, config: Path) -> Answer | None:
    """What the daemon runs; None where it is not to be asked, or isn't there."""
    if ctx.get_parameter_source("config") is ParameterSource.COMMANDLINE:
        return None
    try:
        return client(ctx).get("plugins")
    except DaemonAway:
        click.echo(f"No daemon runs here: this is what a start with {config} would run.", err=True)
        return None


def _of_settings(config: Path) -> Answer:
    from daemon import plugin_report

    found, problem = plugin_report.of_settings(config)
    if problem is not None:
        click.echo(f"orderferry: {problem}", err=True)
    return Answer(found)


def _lines(one: Mapping[str, Any], most: int) -> Iterator[str]:
    state, colour = _STATE[one["state"]]
    origin = "built in" if one["built_in"] else f"from {one['distribution']}"
    yield f"{words.clean(one['name'])} {words.clean(one['version'])}, {words.clean(origin)}: {paint(state, colour)}"
    for platform in one["platforms"]:
        used = f"; used by {', '.join(platform['accounts'])}" if platform["accounts"] else ""
        yield f"  {words.clean(platform['id'])}: {words.clean(platform['title'])}, {platform['role']}{used}"
        can = ", ".join(platform["capabilities"])
        yield from textwrap.wrap(can, most, initial_indent="    ", subsequent_indent="    ")
    for problem in one["problems"]:
        yield f"  {paint('!', 'red')} {words.clean(problem)}"


@plugins.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["marketplace", "shop"]), required=True, help="Orders come from it, or go into it."
)
@click.option("--to", metavar="FOLDER", type=click.Path(path_type=Path), help="Else orderferry-NAME, here.")
def new(name: str, *, role: str, to: Path | None) -> None:
    """Write a whole new plugin for the platform NAME, with a simulator and tests that pass, to begin from."""
    from daemon.scaffold import writing

    folder = to or Path(f"orderferry-{name}")
    try:
        written = writing.write(name, role, folder)
    except writing.ScaffoldError as error:
        raise Failure(str(error), FAILED) from error
    for line in written:
        click.echo(line)
