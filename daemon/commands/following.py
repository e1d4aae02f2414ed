"""The verbs that go on until they are ended: the journal as it is written, and the daemon at a glance."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import click

from daemon.commands import completing, panel, rows, words
from daemon.commands.group import client, json_option, paint, since_option, socket_option
from daemon.control.client import Client, DaemonAway, Refused

LINES = 10
WIDTH = 120
PAGE = 500
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

Query = dict[str, str | int | bool | None]
Row = dict[str, Any]  # as the API has it


@click.command()
@click.option("--lines", "-n", metavar="N", type=click.IntRange(0, 1000), help="Begin with the last N rows; else 10.")
@click.option("--after", metavar="ID", type=click.IntRange(min=0), help="Begin after this row; 0: the whole journal.")
@since_option("Begin with the rows since then: 2026-11-01, an ISO time, 3d, 12h.")
@click.option("--account", metavar="NAME", shell_complete=completing.accounts, help="Of this account alone.")
@click.option("--order", metavar="ORDER", shell_complete=completing.orders, help="Of this order alone.")
@click.option("--kind", metavar="KIND", help="Of this kind alone, such as job_parked.")
@socket_option
@json_option
@click.pass_context
def tail(
    ctx: click.Context,
    *,
    lines: int | None,
    after: int | None,
    since: datetime | None,
    account: str | None,
    order: str | None,
    kind: str | None,
    as_json: bool,
) -> None:
    """Follow the journal as it is written.

    Waits for a daemon that is restarted, and goes on with the next row.
    """
    daemon = client(ctx)
    if lines is None and after is None and since is None:
        lines = LINES
    number = None if order is None else daemon.get("orders", order).value["id"]
    query: Query = {"account": account, "order": order, "kind": kind}
    wanted = {name: value for name, value in {**query, "order": number}.items() if value is not None}
    begin: Query = {"after": after, "since": None if since is None else since.isoformat()}
    for row in follow(daemon, query, begin, lines, say=lambda text: click.echo(f"orderferry: {text}", err=True)):
        if any(row[name] != value for name, value in wanted.items()):
            continue
        if as_json:
            import json  # noqa: PLC0415 - the plain way does without

            click.echo(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
        else:
            click.echo(paint(rows.line(row, words.now()), rows.WEIGHTS.get(row["kind"])))


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    number = value.removesuffix("s")
    seconds = float(number) if number.replace(".", "", 1).isdecimal() else 0.0
    if not 0.2 <= seconds <= 3600:
        raise click.BadParameter(f"{value!r} is not a time such as 2s, from 0.2s to 3600s")
    return seconds


@click.command()
@click.option(
    "--every", metavar="TIME", default="2s", show_default=True, callback=_seconds, help="How often it is drawn."
)
@click.option("--once", is_flag=True, help="One picture; so it is without a terminal as well.")
@socket_option
@json_option
@click.pass_context
def top(ctx: click.Context, *, every: float, once: bool, as_json: bool) -> None:
    """Watch the daemon at work.

    The accounts with their health, what comes and goes in a minute, what waits, and the journal's last rows. q leaves.
    """
    from daemon.commands import live  # noqa: PLC0415 - the terminal's modules are needed here alone

    daemon = client(ctx, timeout=10)
    if as_json:
        import json  # noqa: PLC0415 - likewise

        click.echo(json.dumps(live.ask(daemon).as_json(), indent=2 if sys.stdout.isatty() else None))
    elif once or not sys.stdout.isatty():
        view = live.ask(daemon)
        for line in panel.frame(view, view.at, words.screen() or WIDTH, None):
            click.echo(live.painted(line))
    else:
        live.show(daemon, every)


def follow(
    daemon: Client, query: Query, begin: Query, last: int | None, *, say: Callable[[str], None]
) -> Iterator[Row]:
    """The journal's rows without end, none twice and none left out, also when the daemon is restarted meanwhile.

    What is there already comes by `query` (all from `begin` on, or the `last` ones of it), what is written later whole.
    Raises `DaemonAway` only where none answers at first; later `say` is told.
    """
    if last is None:
        seen = None
        while True:
            page = daemon.get("journal", **{**query, **begin}, limit=PAGE).value
            yield from page["entries"]
            seen = begin["after"] = page["last"]
            begin["since"] = None if page["entries"] else begin["since"]
            if len(page["entries"]) < PAGE:
                break
    else:
        page = daemon.get("journal", **{**query, **begin}, newest=True, limit=max(1, last)).value
        yield from page["entries"][-last:] if last else []
        seen = page["last"]
    while True:
        try:
            for event in daemon.events(seen):
                yield event.value
                seen = event.id or seen
        except DaemonAway:
            pass
        except Refused as refused:
            if refused.code != "unavailable":
                raise
        newest = _back(daemon, say)
        if newest < seen:
            say(f"the store is an older one: its last row is {newest}, and {seen} has been shown; going on from there")
            seen = newest


def _back(daemon: Client, say: Callable[[str], None]) -> int:
    """Waits until the daemon answers again; the id of its journal's last row."""
    say("the daemon has stopped; waiting until it is there again (Ctrl-C ends)")
    pause = FIRST_PAUSE
    while True:
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
        try:
            newest: int = daemon.get("journal", newest=True, limit=1).value["last"]
        except DaemonAway:
            pass
        except Refused as refused:
            if refused.code != "unavailable":
                raise
        else:
            say("the daemon is there again")
            return newest
