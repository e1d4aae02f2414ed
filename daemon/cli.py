"""`orderferry`: a thin client of the control API, but for the verbs that are the program itself (`orderferry --help`).

It must start fast: nothing here, nor in what it imports, may import aiohttp, msgspec, structlog, asyncio, pluggy or
the contract. The verbs that need them import them when they are called.
"""

from __future__ import annotations

import click

from daemon.commands import (
    acting,
    doctoring,
    following,
    importing,
    keeping,
    plugging,
    privacy,
    reading,
    setting_up,
    starting,
)
from daemon.commands.group import EXIT_CODES, Verbs, socket_option_of_all

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code}  {about}" for code, about in EXIT_CODES.items())


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom asked for

    click.echo(f"orderferry {version('orderferry')}")
    ctx.exit()


@click.group(cls=Verbs, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@socket_option_of_all
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def cli() -> None:
    """Put marketplace orders into your web shop, once, and keep both in step.

    An ORDER is the hub's number or the marketplace's id. A daemon must be running, but for init,
    run, check, doctor, bugreport, login, map, probe, demo, plugins, backup, restore and rekey.
    """


for _verb in (
    setting_up.init,
    starting.run,
    starting.check,
    doctoring.doctor,
    doctoring.bugreport,
    starting.login,
    setting_up.map_,
    starting.probe,
    starting.demo,
    reading.status,
    reading.accounts,
    plugging.plugins,
    acting.fetch,
    importing.import_,
    reading.orders,
    reading.show,
    reading.explain,
    reading.jobs,
    reading.plan,
    acting.forward,
    acting.retry,
    acting.resolve,
    acting.set_status,
    acting.set_payment,
    acting.add_parcel,
    acting.pause,
    acting.resume,
    acting.reload,
    following.tail,
    following.top,
    privacy.privacy,
    keeping.backup,
    keeping.restore,
    keeping.rekey,
    starting.completion,
):
    cli.add_command(_verb)


def main() -> None:
    """The entry point of the executable."""
    cli(prog_name="orderferry")
