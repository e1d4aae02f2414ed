"""Looks at the way to every platform, all at once: name, connection, certificate, time, its own check."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from socket import gaierror

import msgspec

from daemon import oneshot
from daemon.account_settings import AccountSettings
from daemon.core.doctoring import machine, reach
from daemon.core.doctoring.finding import Finding, failed
from daemon.core.doctoring.reach import Place, Reached
from daemon.doctor.machine import kept_in_step
from daemon.doctor.scene import Scene
from daemon.hooks import Hooks
from daemon.opening import Opener
from daemon.vault import VaultError
from orderferry import Role
from orderferry.settings import Url

AT_ONCE = 8
STEP = 10.0
WHOLE = 30.0
LONGEST_HEAD = 64 * 1024

Tell = Callable[[frozenset[str]], None]
"""Is told, whenever it changes, of which accounts no answer has come yet."""


async def examine(scene: Scene, tell: Tell) -> list[Finding]:
    """Findings about all accounts, in the order of the settings, and about the clock by their servers'."""
    config = scene.config
    if config is None:
        return []
    opener: Opener | None = None
    hooks = Hooks()
    if scene.mine:
        with suppress(VaultError):  # the key has a finding of its own
            opener, hooks = oneshot.open_accounts(config, scene.catalogue)
    gate = asyncio.Semaphore(AT_ONCE)
    waiting = {account.name for account in config.accounts}

    async def one(account: AccountSettings) -> tuple[list[Reached], list[Finding]]:
        async with gate:
            tell(frozenset(waiting))
            try:
                return await _account(account, opener, hooks, config.ladder.beginnings)
            finally:
                waiting.discard(account.name)
                tell(frozenset(waiting))

    try:
        answers = await asyncio.gather(*map(one, config.accounts))
    finally:
        if opener is not None:
            await opener.close()
    offsets = {
        reached.place.name: reached.offset for found, _ in answers for reached in found if reached.offset is not None
    }
    clock = list(machine.clock(offsets, synchronised=kept_in_step()))
    return [*clock, *(finding for _, findings in answers for finding in findings)]


async def _account(
    account: AccountSettings, opener: Opener | None, hooks: Hooks, new: tuple[str, ...]
) -> tuple[list[Reached], list[Finding]]:
    reached = await asyncio.gather(*map(visit, places_of(account)))
    findings = [reach.way(account.name, one, datetime.now(UTC)) for one in reached]
    cut_off = bool(reached) and all(one.stopped for one in reached)
    if opener is not None and not cut_off:  # then the check would only say the same in other words
        try:
            async with asyncio.timeout(WHOLE):
                checked = await oneshot.check_account(account, opener, hooks, new)
            findings += reach.checked(account.name, checked.text, checked.notes, fine=checked.ok)
        except TimeoutError:
            findings.append(failed(f"account:{account.name}", f"no answer within {WHOLE:.0f} s", "try again later"))
    return reached, findings


def places_of(account: AccountSettings) -> Iterable[Place]:
    """The servers that an account's settings name in `url` and `..._url`; another `Url` may be the seller's own."""
    if account.role is Role.IMPORT:
        return ()
    urls = [
        value
        for field in msgspec.structs.fields(account.settings)
        if field.name.endswith("url") and isinstance(value := getattr(account.settings, field.name), Url)
    ]
    return dict.fromkeys(map(reach.place_of, urls))


async def visit(place: Place) -> Reached:
    """Goes to a server as far as the way leads: asks for no more than the head of its first page."""
    began = time.monotonic()

    def stopped(step: reach.Step, error: BaseException | str) -> Reached:
        return Reached(place=place, stopped=step, why=_why(error), seconds=time.monotonic() - began)

    try:
        async with asyncio.timeout(STEP):
            await asyncio.get_running_loop().getaddrinfo(place.host, place.port)
    except (gaierror, TimeoutError, UnicodeError) as error:
        return stopped("name", error)
    try:
        async with asyncio.timeout(STEP):
            reader, writer = await asyncio.open_connection(
                place.host,
                place.port,
                ssl=ssl.create_default_context() if place.tls else None,
                happy_eyeballs_delay=0.25,
                limit=LONGEST_HEAD,
            )
    except ssl.SSLError as error:
        return stopped("certificate", error)
    except (OSError, TimeoutError) as error:
        return stopped("connection", error)
    try:
        async with asyncio.timeout(STEP):
            return await _head(place, reader, writer, began)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        return stopped("answer", error)
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


async def _head(place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, began: float) -> Reached:
    sent = time.time()
    host = place.host.encode("idna").decode()
    writer.write(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: orderferry\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    middle = datetime.fromtimestamp((sent + time.time()) / 2, UTC)
    dates = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"date:")]
    offset = None
    if dates:
        with suppress(ValueError):
            theirs = parsedate_to_datetime(dates[0].decode("ascii", "replace").strip())
            offset = middle - theirs.astimezone(UTC) - timedelta(seconds=0.5)  # a Date has whole seconds, cut off
    secured = writer.get_extra_info("ssl_object")
    ends = None
    if secured is not None:
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(secured.getpeercert()["notAfter"]), UTC)
    return Reached(place=place, seconds=time.monotonic() - began, ends=ends, offset=offset)


def _why(error: BaseException | str) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return error.verify_message
        case ssl.SSLError():
            return (error.reason or str(error)).replace("_", " ").lower()
        case TimeoutError():
            return f"no answer within {STEP:.0f} s"
        case asyncio.IncompleteReadError():
            return "it ended the connection"
        case OSError():
            return error.strerror or str(error)
        case _:
            return str(error)
