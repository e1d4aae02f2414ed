"""The verbs that help to write config.toml; like those of `starting` they need no running daemon."""
# ruff: noqa: PLC0415 - the imports inside are what keeps the other verbs quick

from __future__ import annotations

from pathlib import Path

import click

from daemon.commands.group import CONFIG, config_option


@click.command()
@config_option
@click.pass_context
def init(ctx: click.Context, *, config: Path) -> None:
    """Write the first config.toml by question and answer.

    Tries each account before it is written. Where there is a config.toml already, an account is added to it.
    """
    from daemon.setup import first

    ctx.exit(first.run(config, "" if config == CONFIG else f" --config {config}"))
