"""Keeps one account's child process: starts it when it is asked, watches it, ends it when it is blocked or wild.

A child that was ended is started anew when the account is asked the next time, after a pause that grows while this
happens again and again. Calls that were under way end as `Unsure` where they may have changed something.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from daemon.core.retry import PluginBugError
from daemon.isolation.limits import Limits
from daemon.isolation.peer import GoneError, Peer
from daemon.isolation.process import Process, told
from daemon.isolation.remote import Surroundings
from daemon.isolation.values import Begin, decode_answer, encode, encode_arguments
from orderferry import Clock, Unavailable, Unsure

log = structlog.get_logger("orderferry.isolation")

CHANGING = frozenset({"add_order", "set_status", "set_payment", "set_tracking", "send_mail", "login"})
LAST_BREATH = 0.5  # between the end of a child's stream and its own
CALM = 60.0  # a child that lived so long is counted as healthy again

Tell = Callable[[str], Awaitable[None]]
"""Takes a sentence for the journal."""


class _Run(Struct):
    process: Process
    peer: Peer
    began: float


class Keeper:
    """One account's child.

    `surroundings` answer what the child asks back, `line` gets what it prints, `tell` a sentence each time that it had
    to be ended or has ended.
    """

    def __init__(
        self,
        begin: Begin,
        limits: Limits,
        clock: Clock,
        surroundings: Surroundings,
        *,
        line: Callable[[str], object],
        tell: Tell,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._begin = begin
        self._limits = limits
        self._clock = clock
        self._surroundings = surroundings
        self._line = line
        self._tell = tell
        self._draw = draw
        self._run: _Run | None = None
        self._starting: asyncio.Task[_Run] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._failures = 0
        self._not_before = 0.0
        self._why = ""
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's process, while there is one."""
        return self._run.process.pid if self._run is not None else None

    async def ask(
        self, hook: str, arguments: Mapping[str, Any], begins: Callable[[int], None] = lambda _: None
    ) -> Any:  # as the hook answers
        """Asks the child; raises what its plugin raised. `begins` is told the call's number before it is made."""
        body = encode_arguments(hook, arguments)
        peer = (await self._up()).peer
        number = peer.next_number()
        begins(number)
        try:
            answer = await peer.call(hook, body, number)
        except GoneError as gone:
            text = f"the process of {self._begin.account}'s plugin ended during the call: {gone}"
            if hook in CHANGING:
                raise Unsure(text) from gone
            raise Unavailable(text, retry_after=self._pause()) from gone
        try:
            return decode_answer(hook, answer)
        except msgspec.MsgspecError as error:
            raise PluginBugError(f"its `{hook}` answered what can't be read ({type(error).__name__})") from error

    async def close(self) -> None:
        """Ends the child: it may finish what it does for a moment, and is then killed."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        if self._run is not None:
            self._run.peer.tell("end")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.end):
                    await asyncio.shield(self._run.process.exited)
            self._run.process.kill()
        if self._watching is not None:
            await asyncio.wait({self._watching})

    async def _up(self) -> _Run:
        """The running child, started now where there is none; raises `Unavailable` while it may not be started."""
        if self._run is not None:
            return self._run
        if self._closed:
            raise Unavailable(f"{self._begin.account} is being closed")
        if (pause := self._pause()) > 0:
            raise Unavailable(f"the process of its plugin is started anew in a moment: {self._why}", retry_after=pause)
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(self._started)
        return await asyncio.shield(self._starting)

    def _pause(self) -> float:
        return max(self._not_before - self._clock.monotonic(), 0.0)

    def _started(self, task: asyncio.Task[_Run]) -> None:
        self._starting = None
        _heard(task)

    async def _start(self) -> _Run:
        ours, theirs = socket.socketpair()
        process: Process | None = None
        peer = Peer(self._surroundings.serve, self._surroundings.hear, patience=self._limits.patience)
        try:
            with theirs:
                process = Process.start(theirs.fileno(), self._line)
            await asyncio.get_running_loop().create_unix_connection(lambda: peer, sock=ours)
            asking = asyncio.ensure_future(peer.call("begin", encode(self._begin)))
            asking.add_done_callback(_heard)
            async with asyncio.timeout(self._limits.start):
                ends: set[asyncio.Future[Any]] = {asking, process.exited}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                peer.end(told(process.exited.result()))
            await asking
        except BaseException as error:
            peer.end("it could not be started")
            ours.close()
            if process is not None:
                process.kill()
                await process.exited
            if not isinstance(error, Exception):
                raise
            text = f"no answer in {self._limits.start:g} s" if isinstance(error, TimeoutError) else str(error)
            self._set_pause(f"it can't be started: {text}")
            await self._report()
            raise Unavailable(f"its plugin can't be started: {text}", retry_after=self._pause()) from error
        run = self._run = _Run(process, peer, self._clock.monotonic())
        self._watching = asyncio.create_task(self._watch(run))
        log.info("plugin_process_started", account=self._begin.account, pid=process.pid)
        return run

    async def _watch(self, run: _Run) -> None:
        """Until the child has ended, or has to be: then it is gone with all that it had in hand."""
        pinging = asyncio.create_task(self._ping(run.peer))
        why = "the daemon has ended it"
        try:
            ends: set[asyncio.Future[Any]] = {pinging, run.peer.gone, run.peer.stuck, run.process.exited}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if pinging.done():
                why = pinging.result()
            elif run.peer.stuck.done():
                why = run.peer.stuck.result()
            else:
                why = await self._how_it_ended(run)
        finally:
            pinging.cancel()
            run.process.kill()
            self._run = None
            if not self._closed:
                self._set_pause(why, calm=self._clock.monotonic() - run.began > CALM)
            run.peer.end(why)
            self._surroundings.drop()
        await run.process.exited
        if not self._closed:
            await self._report()

    async def _how_it_ended(self, run: _Run) -> str:
        """Its stream ends before it does, and how it ended says more than that."""
        await asyncio.wait({run.process.exited}, timeout=LAST_BREATH)
        return told(run.process.exited.result()) if run.process.exited.done() else run.peer.gone.result()

    async def _ping(self, peer: Peer) -> str:
        """Asks again and again for a sign of life; answers what is wrong once there is none."""
        unanswered, heard = 0, peer.heard
        while unanswered < self._limits.unanswered:
            peer.tell("ping")
            await self._clock.sleep(self._limits.ping_every)
            unanswered = unanswered + 1 if peer.heard == heard else 0
            heard = peer.heard
        return f"it was blocked for {self._limits.unanswered * self._limits.ping_every:g} s"

    def _set_pause(self, why: str, *, calm: bool = False) -> None:
        self._failures = 1 if calm else self._failures + 1
        longest = min(self._limits.first_pause * 2 ** (self._failures - 1), self._limits.longest_pause)
        self._not_before = self._clock.monotonic() + longest * (0.75 + self._draw() / 2)
        self._why = why

    async def _report(self) -> None:
        why, wait = self._why, round(self._pause(), 1)
        log.warning("plugin_process_ended", account=self._begin.account, reason=why, wait=wait)
        with contextlib.suppress(Exception):  # a full disk: the log has it
            async with asyncio.timeout(self._limits.end):
                await self._tell(why)


def _heard(task: asyncio.Future[Any]) -> None:
    """Whoever asked for it was told how it failed, or does not wait any more."""
    if not task.cancelled():
        task.exception()
