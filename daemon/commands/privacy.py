"""`orderferry privacy`: what is held about buyers, one person's data, and erasing it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from daemon.commands import completing, words
from daemon.commands.group import FAILED, USAGE, Failure, client, json_option, paint, print_json, socket_option
from daemon.commands.words import Column

SCHEMA = "orderferry-buyer-data/1"
SHOWN_COPIES = 10


@click.group(name="privacy")
def privacy() -> None:
    """Tell, hand out and erase what is held about buyers."""


@privacy.command()
@socket_option
@json_option
@click.pass_context
def report(ctx: click.Context, *, as_json: bool) -> None:
    """Show what is held about buyers, for how long, and who is told.

    No buyer is named.
    """
    answer = client(ctx).get("privacy")
    if as_json:
        return print_json(answer)
    value = answer.value
    columns = [Column("ACCOUNT"), Column("KEPT FOR"), Column("HELD", right=True), Column("OVERDUE", right=True)]
    columns += [Column("ERASED", right=True), Column("NEXT IS ERASED", elastic=True), Column("OLDEST", elastic=True)]
    columns += [Column("UNREADABLE", right=True)]
    rows = [
        (
            one["account"],
            one["keep"] + (f" (at most {one['limit']})" if one["limit"] else ""),
            one["held"],
            one["overdue"],
            one["erased"],
            words.when(one["next_due"]) if one["next_due"] else "",
            words.when(one["oldest"]) if one["oldest"] else "",
            one["unread"],
        )
        for one in value["accounts"]
        if one["platform"] != "smtp" or one["held"]
    ]
    _print(words.table(columns, rows, words.screen()))
    for one in value["accounts"]:
        _print_overdue(one)
    click.echo("\nWhat leaves this machine")
    for who in value["recipients"]:
        click.echo(words.clean(f"  {who['account']} ({who['role']}): {'; '.join(who['told']) or 'nothing'}"))
    copies = value["copies"]
    click.echo(f"\nCopies of the store in the data folder: {len(copies) or 'none'}")
    for copy in copies[:SHOWN_COPIES]:
        click.echo(words.clean(f"  {copy['file']}, made {words.when(copy['made_at'])}"))
    return None


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _print_overdue(one: Mapping[str, Any]) -> None:
    if not one["overdue"]:
        return
    what = f"{one['account']}: {one['overdue']} older than {one['keep']} and not over, so their buyers' data stays"
    click.echo(f"{paint('!', 'yellow')} {words.clean(what)}")
    for late in one["named"]:
        what = f"order {late['order']}, bought {words.when(late['ordered_at'])}: {late['why']}: {late['command']}"
        click.echo(words.clean(f"    {what}"))
    more = one["overdue"] - len(one["named"])
    if more > 0:
        click.echo(f"    and {more} more")


@privacy.command()
@click.argument("buyer", required=False, shell_complete=completing.orders)
@click.option("--login", metavar="NAME", help="Whose login this is, and nothing else.")
@click.option("--account", metavar="NAME", shell_complete=completing.accounts, help="On this account alone.")
@click.option("--to", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Into this new file.")
@socket_option
@click.pass_context
def export(ctx: click.Context, buyer: str | None, *, login: str | None, account: str | None, to: Path | None) -> None:
    """Hand out all that is held about one person, as JSON.

    BUYER is an e-mail address, a login, a telephone number, or one of his orders.
    """
    if (buyer is None) == (login is None):
        raise click.UsageError("say whose data: BUYER, or --login NAME")
    if to is not None and to.exists():
        raise Failure(f"{to} is there already, and is not overwritten", USAGE)
    orders, unread = [], []
    for line in _lines(ctx, {"buyer": buyer, "login": login, "account": account}):
        orders += [line["order"]] if line["order"] else []
        unread += [line["unread"]] if line["unread"] else []
    from json import dumps  # noqa: PLC0415 - slow, and needed here alone

    found = {
        "schema": SCHEMA,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "orders": orders,
        "unreadable": unread,
    }
    text = dumps(found, indent=2, ensure_ascii=False) + "\n"
    if to is None:
        return click.echo(text, nl=False)
    _write(to, text)
    return click.echo(f"{to}: {len(orders)} orders, {len(unread)} texts that could not be read as orders")


def _lines(ctx: click.Context, body: Mapping[str, object]) -> Iterable[Mapping[str, Any]]:
    for answer in client(ctx).lines("privacy", "export", body=body):
        line = answer.value
        if not (line["order"] or line["unread"] or line["done"]):
            click.echo(f"{line['looked_at']} of {line['of']} orders looked at", err=True)
        yield line


def _write(path: Path, text: str) -> None:
    """Into a file that is for its owner alone, and that was not there."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Failure(f"{path} is there already, and is not overwritten", USAGE) from None
    except OSError as error:
        raise Failure(f"{path} can't be written: {error.strerror}", FAILED) from None
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(text)


@privacy.command()
@click.argument("buyers", nargs=-1, metavar="[BUYER|ORDER]...", shell_complete=completing.orders)
@click.option("--login", metavar="NAME", help="Whose login this is, and nothing else.")
@click.option("--account", metavar="NAME", shell_complete=completing.accounts, help="On this account alone.")
@click.option("--even-unfinished", is_flag=True, help="Also orders that are neither sent nor cancelled.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@socket_option
@json_option
@click.pass_context
def erase(
    ctx: click.Context,
    buyers: tuple[str, ...],
    *,
    login: str | None,
    account: str | None,
    even_unfinished: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase what is held about a person, or about orders, now.

    It shows what would be erased, and asks. A BUYER is an e-mail address, a login or a telephone number. The
    orders' own numbers, amounts and states stay, so that nothing is forwarded twice.
    """
    if bool(buyers) == (login is not None):
        raise click.UsageError("say whose data: BUYER or ORDER, or --login NAME")
    body = {"buyers": list(buyers), "login": login, "account": account, "even_unfinished": even_unfinished}
    plan = client(ctx).post("privacy", "erase", body={**body, "dry_run": True}).value
    refused = [one for one in plan["orders"] if one["verdict"] == "refused"]
    wanted = [str(one["order"]) for one in plan["orders"] if one["verdict"] == "erase"]
    if not as_json:
        _tell(plan, refused, wanted)
    if not wanted and not plan["unread"]:
        if refused:
            raise Failure("nothing was erased", FAILED)
        return
    if not yes:
        click.confirm("Erase this for good?", abort=True, err=True)
    answer = client(ctx).post("privacy", "erase", body={**body, "dry_run": False})
    if as_json:
        print_json(answer)
    else:
        done = [one for one in answer.value["orders"] if one["verdict"] == "erased"]
        click.echo(f"erased: {len(wanted)} orders, {answer.value['unread']} texts that could not be read as orders")
        for one in done:
            if one["reason"] and str(one["order"]) in wanted:
                click.echo(f"{paint('!', 'yellow')} order {one['order']}: {words.clean(one['reason'])}")
    if refused:
        raise Failure(f"{len(refused)} orders were not erased", FAILED)
    return


def _tell(plan: Mapping[str, Any], refused: list[Mapping[str, Any]], wanted: list[str]) -> None:
    if wanted:
        click.echo(f"to be erased: orders {', '.join(wanted)}")
    if plan["unread"]:
        click.echo(f"to be erased: {plan['unread']} texts that could not be read as orders")
    for one in plan["orders"]:
        if one["verdict"] == "erased":
            click.echo(f"order {one['order']}: {words.clean(one['reason'])}")
    for one in refused:
        helps = f": {one['command']}" if one["command"] else ""
        click.echo(f"{paint('!', 'red')} order {one['order']} stays: {words.clean(one['reason'] + helps)}")
    if refused:
        click.echo("To erase them all the same: --even-unfinished. What is owed for them then ends.")
