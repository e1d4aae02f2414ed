"""The verbs that do something, by asking the daemon for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from daemon.commands import completing, words
from daemon.commands.group import FAILED, Failure, client, json_option, paint, print_json, since_option, socket_option


def _give(ctx: click.Context, *path: str, body: Mapping[str, object] | None, as_json: bool) -> None:
    answer = client(ctx).post(*path, body=body)
    if as_json:
        return print_json(answer)
    value = answer.value
    click.echo(words.clean(value["text"]))
    if value["jobs"] and value["order"] is not None:
        numbers = ", ".join(map(str, value["jobs"]))
        click.echo(f"job {numbers}; how it goes: orderferry explain {value['order']}", err=True)
    return None


@click.command()
@click.argument("accounts", nargs=-1, metavar="[ACCOUNT]...", shell_complete=completing.accounts)
@since_option("Reach back to 2026-11-01, an ISO time, 3d or 12h ago.")
@socket_option
@json_option
@click.pass_context
def fetch(ctx: click.Context, accounts: tuple[str, ...], *, since: datetime | None, as_json: bool) -> None:
    """Fetch orders now, and wait for what comes.

    From these accounts, or from all where none is named. With --since it reaches back: whatever was changed there since
    then is fetched once more.
    """
    failed, finished = False, 0
    body = {"accounts": list(accounts), "since": since.astimezone(UTC).isoformat() if since else None}
    for answer in client(ctx).lines("fetch", body=body):
        if as_json:
            click.echo(answer.raw.decode())
        line = answer.value
        wrong = line["error"] is not None
        last = line["done"] or wrong  # a fetch that went wrong is over, though it isn't done
        failed = failed or wrong
        finished += last
        if as_json:
            continue
        click.echo(_result(line) if last else _progress(line), err=not last)
    if not finished and not as_json:
        click.echo("There was no account to fetch from.")
    if failed:
        raise Failure("not every account could be fetched from: orderferry accounts says more", FAILED)


def _progress(line: Mapping[str, Any]) -> str:
    return words.clean(f"{line['account']}: page {line['pages']}, {line['new']} new, {line['changed']} changed so far")


def _result(line: Mapping[str, Any]) -> str:
    if line["error"] is not None:
        return f"{words.clean(line['account'])}: {paint('failed', 'red')}: {words.clean(line['error'])}"
    text = f"{line['account']}: {line['new']} new, {line['changed']} changed"
    if line["malformed"]:
        text += f", {line['malformed']} could not be read (orderferry jobs --state parked)"
    return words.clean(text)


@click.command()
@click.argument("order", shell_complete=completing.orders)
@click.option("--shop", metavar="NAME", shell_complete=completing.shops, help="Into this shop; else all that forward.")
@socket_option
@json_option
@click.pass_context
def forward(ctx: click.Context, order: str, *, shop: str | None, as_json: bool) -> None:
    """Put ORDER into the shop by hand.

    For an order that isn't ready by itself, such as one that is paid outside the marketplace.
    """
    _give(ctx, "orders", order, "forward", body={"shop": shop}, as_json=as_json)


@click.command()
@click.argument("job", type=click.IntRange(min=0), shell_complete=completing.jobs)
@socket_option
@json_option
@click.pass_context
def retry(ctx: click.Context, job: int, *, as_json: bool) -> None:
    """Try a parked or waiting JOB now."""
    _give(ctx, "jobs", str(job), "retry", body=None, as_json=as_json)


@click.command()
@click.argument("job", type=click.IntRange(min=0), shell_complete=completing.jobs)
@click.option("--shop-order", metavar="N", help="The order is in the shop, as the shop's order N.")
@click.option("--sent", is_flag=True, help="The mail went out.")
@click.option("--send-again", is_flag=True, help="The order is not in the shop, or the mail did not go out: send it.")
@socket_option
@json_option
@click.pass_context
def resolve(
    ctx: click.Context, job: int, *, shop_order: str | None, sent: bool, send_again: bool, as_json: bool
) -> None:
    """Settle by hand what nobody knows about JOB.

    Look into the shop first, or for a mail at your mail server: what is there and is sent again is there twice.
    """
    if [shop_order is not None, sent, send_again].count(True) != 1:
        raise click.UsageError("say what you found: --shop-order N or --send-again; for a mail --sent or --send-again")
    body = {"shop_order": shop_order, "sent": sent, "send_again": send_again}
    _give(ctx, "jobs", str(job), "resolve", body=body, as_json=as_json)


@click.command(name="set-status")
@click.argument("order", shell_complete=completing.orders)
@click.argument("status", shell_complete=completing.statuses)
@socket_option
@json_option
@click.pass_context
def set_status(ctx: click.Context, order: str, status: str, *, as_json: bool) -> None:
    """Give ORDER another of the hub's statuses.

    The shops are told.
    """
    _give(ctx, "orders", order, "status", body={"status": status}, as_json=as_json)


def _amount(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}([.,]\d{1,4})?", value) is None:
        raise click.BadParameter(f"{value!r} is not an amount such as 12.34")
    return value.replace(",", ".")


@click.command(name="set-payment")
@click.argument("order", shell_complete=completing.orders)
@click.argument("state", type=click.Choice(["paid", "unpaid"]))
@click.option("--amount", metavar="AMOUNT", callback=_amount, help="How much came in, in the order's currency.")
@socket_option
@json_option
@click.pass_context
def set_payment(ctx: click.Context, order: str, state: str, *, amount: str | None, as_json: bool) -> None:
    """Say that ORDER is paid or unpaid.

    The shops are told.
    """
    if amount is not None and state == "unpaid":
        raise click.UsageError("--amount says how much came in, so it goes with paid")
    _give(ctx, "orders", order, "payment", body={"paid": state == "paid", "amount": amount}, as_json=as_json)


@click.command(name="add-parcel")
@click.argument("order", shell_complete=completing.orders)
@click.argument("carrier")
@click.argument("number")
@socket_option
@json_option
@click.pass_context
def add_parcel(ctx: click.Context, order: str, carrier: str, number: str, *, as_json: bool) -> None:
    """Add a parcel's tracking NUMBER to ORDER.

    The marketplace and the shops are told. CARRIER is one of the account's carriers, or free text.
    """
    _give(ctx, "orders", order, "parcels", body={"carrier": carrier, "number": number}, as_json=as_json)


@click.command()
@click.argument("account", shell_complete=completing.accounts)
@socket_option
@json_option
@click.pass_context
def pause(ctx: click.Context, account: str, *, as_json: bool) -> None:
    """Ask ACCOUNT nothing more until it is resumed."""
    _give(ctx, "accounts", account, "pause", body=None, as_json=as_json)


@click.command()
@click.argument("account", shell_complete=completing.accounts)
@socket_option
@json_option
@click.pass_context
def resume(ctx: click.Context, account: str, *, as_json: bool) -> None:
    """Ask ACCOUNT again."""
    _give(ctx, "accounts", account, "resume", body=None, as_json=as_json)


@click.command()
@socket_option
@json_option
@click.pass_context
def reload(ctx: click.Context, *, as_json: bool) -> None:
    """Take config.toml as it is now.

    Work in hand goes on. Where the file is broken, its mistakes are told and the settings stay as they were.
    """
    _give(ctx, "reload", body=None, as_json=as_json)
