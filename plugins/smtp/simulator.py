"""A small mail server in memory, for tests: takes mails, and misbehaves as it is told.

It speaks as much of RFC 5321, 3207 (STARTTLS) and 4954 (AUTH PLAIN) as sending a mail needs.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections import deque
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import Enum, auto
from typing import NamedTuple, Self


class Fate(Enum):
    """How a session goes; what a mail's fate is, is asked when the mail begins."""

    GOOD = auto()
    LOST = auto()  # the mail is taken, and the connection cut before the answer
    CUT = auto()  # cut while the content comes, which is thrown away
    UNCLEAR = auto()  # the mail is taken, and the answer is no answer
    AWAY = auto()  # cut before anything is asked
    SILENT = auto()  # accepted, and nothing said
    BUSY = auto()  # 421 to the sender: too much just now
    GREYLISTED = auto()  # 450 to the receiver
    UNKNOWN = auto()  # 550 to the receiver, naming him
    SENDER_REFUSED = auto()  # 553 to the sender
    FULL = auto()  # 452 after the content
    SPAM = auto()  # 554 after the content


class Taken(NamedTuple):
    """A mail that the server took, with its envelope."""

    sender: str
    to: str
    message: EmailMessage


class SmtpSimulator:
    """Serves on 127.0.0.1 while it is entered; `fates` are used up one by one, then all is good.

    With `tls` it encrypts: at once where `at_once`, else by STARTTLS, without which it takes no login. While `hold` is
    set and not yet done, a mail that was taken is not answered.
    """

    def __init__(
        self, *, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None, at_once: bool = False
    ) -> None:
        self.taken: list[Taken] = []
        self.fates: deque[Fate] = deque()
        self.sessions = 0
        self.hold: asyncio.Event | None = None
        self.port = 0
        self.login = login
        self.tls = tls
        self.at_once = at_once
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        context = self.tls if self.at_once else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        self.sessions += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await _Session(self, reader, writer).run()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class _Session:
    """One connection."""

    def __init__(self, server: SmtpSimulator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._fate = Fate.GOOD
        self._safe = server.at_once or server.tls is None
        self._known = server.login is None
        self._sender = self._to = ""

    async def run(self) -> None:
        server = self._server
        if server.fates and server.fates[0] in {Fate.AWAY, Fate.SILENT}:
            if server.fates.popleft() is Fate.SILENT:
                await self._reader.read()
            return
        await self._say("220 simulator ready")
        while line := (await self._reader.readline()).decode("ascii", "replace").strip():
            word, _, rest = line.partition(" ")
            match word.upper():
                case "EHLO":
                    await self._say(*self._offers())
                case "STARTTLS" if not self._safe:
                    await self._say("220 go ahead")
                    await self._writer.start_tls(server.tls)  # type: ignore[arg-type] # it is there where it is not safe yet
                    self._safe = True
                case "AUTH" if self._safe:
                    await self._log_in(rest)
                case "MAIL" if self._known:
                    await self._begin(rest)
                case "RCPT":
                    await self._receiver(rest)
                case "DATA":
                    if not await self._content():
                        return
                case "QUIT":
                    await self._say("221 bye")
                    return
                case "MAIL":
                    await self._say("530 5.7.0 log in first")
                case _:
                    await self._say("502 5.5.1 not known here")

    def _offers(self) -> tuple[str, ...]:
        more = "250 AUTH PLAIN" if self._safe and self._server.login else "250 HELP"
        return ("250-simulator", "250-STARTTLS", more) if not self._safe else ("250-simulator", more)

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._writer.drain()

    async def _log_in(self, rest: str) -> None:
        _, _, given = rest.partition(" ")
        words = tuple(base64.b64decode(given).decode().split("\0")[1:])
        self._known = words == self._server.login
        await self._say("235 2.7.0 welcome" if self._known else "535 5.7.8 wrong user or password")

    async def _begin(self, rest: str) -> None:
        self._fate = self._server.fates.popleft() if self._server.fates else Fate.GOOD
        self._sender = _between(rest)
        match self._fate:
            case Fate.BUSY:
                await self._say("421 4.7.0 too many mails, come back later")
            case Fate.SENDER_REFUSED:
                await self._say(f"553 5.7.1 <{self._sender}>: not owned by you")
            case _:
                await self._say("250 2.1.0 ok")

    async def _receiver(self, rest: str) -> None:
        self._to = _between(rest)
        match self._fate:
            case Fate.GREYLISTED:
                await self._say("450 4.2.0 greylisted, come back later")
            case Fate.UNKNOWN:
                await self._say(f"550 5.1.1 <{self._to}>: {self._to.partition('@')[0]} is unknown here")
            case _:
                await self._say("250 2.1.5 ok")

    async def _content(self) -> bool:
        """Takes the content; False where the connection ends with it."""
        await self._say("354 go on")
        if self._fate is Fate.CUT:
            await self._reader.readline()
            return False
        lines = []
        while (line := await self._reader.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line.removeprefix(b"."))
        if self._fate in {Fate.FULL, Fate.SPAM}:
            await self._say("452 4.3.1 the disk is full" if self._fate is Fate.FULL else "554 5.7.1 looks like spam")
            return True
        message = message_from_bytes(b"".join(lines), EmailMessage, policy=policy.default)
        self._server.taken.append(Taken(self._sender, self._to, message))
        if self._server.hold is not None:
            await self._server.hold.wait()
        if self._fate is Fate.LOST:
            return False
        await self._say("ok?" if self._fate is Fate.UNCLEAR else "250 2.0.0 taken")
        return True


def _between(text: str) -> str:
    """What stands between < and >."""
    return text.partition("<")[2].partition(">")[0]
