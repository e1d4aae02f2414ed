"""The verbs that need no running daemon: they are the program itself, and import it only when they are called."""
# ruff: noqa: PLC0415 - the imports inside are what keeps the other verbs quick

from __future__ import annotations

from pathlib import Path

import click

from daemon.commands.group import config_option


@click.command()
@config_option
@click.option(
    "--log-format", type=click.Choice(["json", "console"]), default="json", show_default=True, help="How the log looks."
)
@click.option("--restored", is_flag=True, help="The store was put back from a backup: look orders up before sending.")
@click.pass_context
def run(ctx: click.Context, *, config: Path, log_format: str, restored: bool) -> None:
    """Run the daemon, until SIGTERM or Ctrl-C."""
    from daemon import running

    ctx.exit(running.run(config, log_format=log_format, restored=restored))


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def check(ctx: click.Context, *, config: Path, as_json: bool) -> None:
    """Check the settings, and change nothing.

    Plugins, credentials and maps are tried as well.
    """
    from daemon import oneshot

    ctx.exit(oneshot.check(config, as_json=as_json))


@click.command()
@click.argument("account")
@config_option
@click.option(
    "--refresh-token-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take the token from this file, for a machine without a person.",
)
@click.pass_context
def login(ctx: click.Context, account: str, *, config: Path, refresh_token_file: Path | None) -> None:
    """Log in to ACCOUNT.

    Shows what to do in your browser, waits until you have, and keeps the tokens encrypted.
    """
    from daemon import oneshot

    ctx.exit(oneshot.login(config, account, refresh_token_file))


@click.command()
@click.argument("account")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def probe(ctx: click.Context, account: str, *, config: Path, as_json: bool) -> None:
    """Try what ACCOUNT's platform promises against what it does.

    Changes nothing that you or a buyer would notice.
    """
    from daemon import probing

    ctx.exit(probing.probe(config, account, as_json=as_json))


@click.command()
@click.option("--orders", type=click.IntRange(1, 100_000), default=200, show_default=True, help="How many are bought.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same mishaps.")
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=20.0, show_default=True, help="Over how long they are bought."
)
@click.option("--keep", metavar="FOLDER", type=click.Path(path_type=Path), help="Keep the store and the logs here.")
@click.option("--quiet", is_flag=True, help="Only the summary at the end.")
@click.pass_context
def demo(ctx: click.Context, *, orders: int, seed: int, seconds: float, keep: Path | None, quiet: bool) -> None:
    """Show the main job with simulated marketplaces and shops.

    Orders of Allegro, eBay and Amazon go into both a WooCommerce and a PrestaShop. The real daemon works on a store of
    its own, with mishaps and one kill -9 in the middle.
    """
    from daemon import demo as demonstration

    ctx.exit(demonstration.run(orders=orders, seed=seed, seconds=seconds, keep=keep, quiet=quiet))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete verbs and names.

    For bash: orderferry completion bash > ~/.local/share/bash-completion/completions/orderferry
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"{shell} can't be completed")
    click.echo(found(ctx.find_root().command, {}, "orderferry", "_ORDERFERRY_COMPLETE").source())
