"""The verbs that only read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from daemon.commands import completing, words
from daemon.commands.group import (
    client,
    colours,
    json_option,
    paint,
    print_json,
    since_option,
    socket_option,
)
from daemon.commands.showing import account_lines, alarm_lines, order_lines, plan_lines
from daemon.commands.words import Column

STAGES = ("placed", "ready", "cancelled", "merged")
JOB_STATES = ("waiting", "sending", "unsure", "done", "parked", "cancelled")
_OF_JOB = ("id", "kind", "order", "account", "state", "attempt")
_HEALTH = {"ok": "green", "starting": "yellow", "paused": "yellow", "degraded": "red"}


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _print_table(columns: list[Column], rows: Iterable[Any]) -> None:
    title, *lines = words.table(columns, rows, words.screen())
    click.echo(click.style(title, bold=True) if colours() else title)
    _print(lines)


def _counts(values: Mapping[str, object], none: str) -> str:
    return ", ".join(f"{count} {name}" for name, count in values.items()) or none


@click.command()
@socket_option
@json_option
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """Show the daemon at a glance."""
    answer = client(ctx).get("status")
    if as_json:
        return print_json(answer)
    value = answer.value
    health = paint(value["health"], _HEALTH.get(value["health"], "red"))
    click.echo(f"orderferry {words.clean(value['version'])} is {health}")
    oldest = value["oldest_unfinished"]
    lines = words.fields(
        [
            ("running since", words.when(value["started_at"])),
            ("accounts", ", ".join(f"{name} {state}" for name, state in value["accounts"].items()) or "none"),
            ("orders", _counts(value["orders"], "none yet")),
            ("jobs", _counts(value["jobs"], "none")),
            ("could not be read", value["malformed"] or None),
            ("oldest unfinished", words.when(oldest) if oldest else None),
            ("store", f"{value['data_dir']} (SQLite {value['sqlite']}, epoch {value['epoch']})"),
            ("installation", value["installation"]),
        ]
    )
    _print(f"  {line}" for line in lines)
    for problem in value["problems"]:
        click.echo(f"{paint('!', 'red')} {words.clean(problem)}")
    for line in alarm_lines(value["alarms"]):
        click.echo(f"{paint('!', 'red')} {line}")
    return None


@click.command()
@click.argument("name", required=False, shell_complete=completing.accounts)
@socket_option
@json_option
@click.pass_context
def accounts(ctx: click.Context, name: str | None, *, as_json: bool) -> None:
    """Show the accounts, or all about one of them."""
    answer = client(ctx).get("accounts") if name is None else client(ctx).get("accounts", name)
    if as_json:
        return print_json(answer)
    if name is not None:
        unmapped = client(ctx).get("accounts", name, "unmapped").value
        return _print(account_lines(answer.value, unmapped, words.screen()))
    if not answer.value:
        click.echo("There is no account yet: config.toml names them under [marketplaces.NAME] and [shops.NAME].")
        return None
    _print_table(
        [
            Column("ACCOUNT"),
            Column("PLATFORM"),
            Column("ROLE"),
            Column("HEALTH"),
            Column("ORDERS", right=True),
            Column("PARKED", right=True),
            Column("LAST FETCH", elastic=True),
            Column("NEXT", elastic=True),
        ],
        [
            (
                one["name"],
                one["platform"],
                one["role"] + (", forwards" if one["forwards"] else ""),
                one["health"],
                one["orders"],
                one["parked_jobs"],
                words.when(one["last_fetch"]) if one["role"] != "mail" else "",
                words.when(one["next_fetch"]) if one["role"] != "mail" else "",
            )
            for one in answer.value
        ],
    )
    for one in answer.value:
        if one["problem"]:
            remedy = f": {one['remedy']}" if one["remedy"] else ""
            click.echo(f"{paint('!', 'red')} {words.clean(one['name'] + ': ' + one['problem'] + remedy)}")
    return None


@click.command()
@click.option("--account", metavar="NAME", shell_complete=completing.accounts, help="Of this account alone.")
@click.option("--stage", type=click.Choice(STAGES), help="In this stage alone.")
@click.option("--status", metavar="STATUS", shell_complete=completing.statuses, help="In this status alone.")
@since_option("Bought since 2026-11-01, an ISO time, 3d or 12h ago.")
@click.option("--unfinished", is_flag=True, help="With something still to be done.")
@click.option("--warnings", is_flag=True, help="With a warning; says which.")
@click.option("--before", metavar="ORDER", type=click.IntRange(min=1), help="Older than this order of the hub.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@socket_option
@json_option
@click.pass_context
def orders(
    ctx: click.Context,
    *,
    account: str | None,
    stage: str | None,
    status: str | None,
    since: datetime | None,
    unfinished: bool,
    warnings: bool,
    before: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """List orders, newest first."""
    answer = client(ctx).get(
        "orders",
        account=account,
        stage=stage,
        status=status,
        since=since.astimezone(UTC).isoformat() if since else None,
        unfinished=unfinished or None,
        warnings=warnings or None,
        before=before,
        limit=limit,
    )
    if as_json:
        return print_json(answer)
    found = answer.value["orders"]
    if not found:
        narrowed = any((account, stage, status, since, unfinished, warnings, before))
        click.echo("No order fits." if narrowed else "There is no order yet.")
        return None
    columns = [
        Column("ORDER", right=True),
        Column("ACCOUNT"),
        Column("MARKETPLACE'S ID", elastic=True),
        Column("STAGE"),
        Column("STATUS"),
        Column("TOTAL", right=True),
        Column("PAID"),
        Column("IN THE SHOP", elastic=True),
        Column("BOUGHT", elastic=True),
        Column("!"),
    ]
    _print_table(columns, [_order_row(one) for one in found])
    if warnings:
        for one in found:
            for warning in one["warnings"]:
                click.echo(f"{paint('!', 'yellow')} order {one['id']}: {words.clean(warning)}")
    if answer.value["next"] is not None:
        click.echo(f"There are more: orderferry orders --before {answer.value['next']}", err=True)
    return None


def _order_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    in_shops = ", ".join(f"{shop} {number}" for shop, number in one["shops"].items())
    return (
        one["id"],
        one["account"],
        one["external_id"],
        one["stage"],
        one["status"] + (f" (erased {one['erased_at'][:10]})" if one["erased_at"] else ""),
        one["total"],
        words.yes(one["paid"]),
        in_shops,
        words.when(one["ordered_at"]),
        "!" * bool(one["warnings"]) or " ",
    )


@click.command()
@click.argument("order", shell_complete=completing.orders)
@socket_option
@json_option
@click.pass_context
def show(ctx: click.Context, order: str, *, as_json: bool) -> None:
    """Show all that is known of ORDER."""
    answer = client(ctx).get("orders", order)
    if as_json:
        return print_json(answer)
    return _print(order_lines(answer.value, words.screen()))


@click.command()
@click.argument("order", shell_complete=completing.orders)
@socket_option
@json_option
@click.pass_context
def explain(ctx: click.Context, order: str, *, as_json: bool) -> None:
    """Tell the story of ORDER.

    What came when, what was decided and why, what comes next, and the commands that resolve what is stuck.
    """
    answer = client(ctx).get("orders", order, "explain")
    if as_json:
        return print_json(answer)
    value = answer.value
    click.echo(words.clean(f"Order {value['id']} ({value['account']} {value['external_id']})"))
    click.echo(words.clean(value["summary"]))
    if value["story"]:
        click.echo("\nWhat happened")
        for step in value["story"]:
            moment = datetime.fromisoformat(step["at"]).astimezone()
            click.echo(f"  {moment:%Y-%m-%d %H:%M:%S}  {words.clean(step['text'])}")
    if value["next"]:
        click.echo("\nWhat comes next")
        _print(f"  {words.clean(text)}" for text in value["next"])
    if value["commands"]:
        click.echo("\nWhat you can do")
        _print(f"  {words.clean(command)}" for command in value["commands"])
    return None


@click.command()
@click.argument("order", shell_complete=completing.orders)
@click.option("--shop", metavar="NAME", shell_complete=completing.shops, help="For this shop; else all that forward.")
@socket_option
@json_option
@click.pass_context
def plan(ctx: click.Context, order: str, *, shop: str | None, as_json: bool) -> None:
    """Show what a shop would be told of ORDER, and send nothing.

    Exactly what would be sent, what is withheld and why, and which of the shop's products its lines would take.
    """
    answer = client(ctx).get("orders", order, "plan", shop=shop)
    if as_json:
        return print_json(answer)
    for place, one in enumerate(answer.value):
        _print([""] * bool(place))
        _print(plan_lines(one, words.screen()))
    return None


@click.command()
@click.option("--state", type=click.Choice(JOB_STATES), help="In this state alone.")
@click.option("--account", metavar="NAME", shell_complete=completing.accounts, help="Of this account alone.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many at most.")
@socket_option
@json_option
@click.pass_context
def jobs(ctx: click.Context, *, state: str | None, account: str | None, limit: int, as_json: bool) -> None:
    """List what is owed to the accounts.

    With it go the orders that could not be read.
    """
    answer = client(ctx).get("jobs", state=state, account=account, limit=limit)
    if as_json:
        return print_json(answer)
    found, malformed = answer.value["jobs"], answer.value["malformed"]
    if found:
        columns = [
            Column("JOB", right=True),
            Column("WHAT"),
            Column("ORDER", right=True),
            Column("FOR"),
            Column("STATE"),
            Column("TRIES", right=True),
            Column("DUE", elastic=True),
        ]
        rows = [
            (j["id"], j["kind"], j["order"], j["account"], j["state"], j["attempt"], words.when(j["due"]))
            for j in found
        ]
        _print_table(columns, rows)
        for job in found:
            if job["reason"] or job["remedy"]:
                what = ": ".join(part for part in (job["reason"], job["remedy"]) if part)
                click.echo(f"{paint('!', 'red')} job {job['id']}: {words.clean(what)}")
    else:
        click.echo(f"No job is {state}." if state else "There is no job.")
    if malformed:
        click.echo("\nOrders that could not be read:")
        columns = [
            Column("NO.", right=True),
            Column("ACCOUNT"),
            Column("ID", elastic=True),
            Column("TIMES", right=True),
        ]
        columns += [Column("LAST SEEN", elastic=True), Column("REASON", elastic=True)]
        _print_table(
            columns,
            [
                (m["id"], m["account"], m["external_id"], m["times"], words.when(m["last_seen"]), m["reason"])
                for m in malformed
            ],
        )
    return None
