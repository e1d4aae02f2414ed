"""A real MQTT broker (Mosquitto) on this machine, and one who listens to all that it is told."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import Client, Message, MqttError, ProtocolVersion

from tests.certificates import Signer, certify, trusted, write

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
needs_broker = pytest.mark.skipif(PROGRAM is None, reason="there is no mosquitto here: apt-get install mosquitto")

Json = dict[str, Any]
PATIENCE = 20.0
_silent = logging.getLogger("tests.broker")
_silent.setLevel(logging.CRITICAL)


async def eventually(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Returns as soon as it is true; fails, saying what never came."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - others change what it asks about
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"within {seconds:.0f} s it was never so: {what}") from None


@dataclass
class Broker:
    """A broker's process; `lines` are added to its settings, `passwords` make it ask for a login."""

    folder: Path
    port: int
    lines: list[str] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)
    tls: Path | None = None
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts it; returns when it takes connections."""
        settings = [f"listener {self.port} 127.0.0.1", "persistence true", f"persistence_location {self.folder}/"]
        settings += [f"allow_anonymous {'false' if self.passwords else 'true'}", "max_queued_messages 0"]
        settings.append("set_tcp_nodelay true")
        if self.passwords:
            file = self.folder / "passwords"
            file.write_text("".join(f"{user}:{password}\n" for user, password in self.passwords.items()))
            assert PROGRAM is not None
            subprocess.run([f"{PROGRAM.replace('/sbin/', '/bin/')}_passwd", "-U", file], check=True)  # noqa: ASYNC221, S603 - once, before all else
            settings.append(f"password_file {file}")
        if self.tls is not None:
            settings += [f"certfile {self.tls}", f"keyfile {self.tls}"]
        if _is_root():
            settings.append("user root")  # else it can't write its own folder
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join([*settings, *self.lines]) + "\n")
        assert PROGRAM is not None
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(PROGRAM, "-c", str(config), stdout=log, stderr=log)
        await eventually(self._answers, f"mosquitto listens: {(self.folder / 'mosquitto.log').read_text()[-500:]}")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def stop(self, *, kill: bool = False) -> None:
        """Ends it, at once where it is killed; may be repeated."""
        if self.process is not None and self.process.returncode is None:
            (self.process.kill if kill else self.process.terminate)()
            await self.process.wait()

    def reload(self) -> None:
        """Has it read its access list anew."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def client(self, user: str | None = None, password: str | None = None, **more: Any) -> Client:
        """A client of the test's own."""
        if self.passwords and user is None:
            user, password = next(iter(self.passwords.items()))
        return Client(
            "127.0.0.1",
            self.port,
            username=user,
            password=password,
            protocol=ProtocolVersion.V5,
            logger=_silent,
            **more,
        )


@dataclass
class Listener:
    """All messages that came, in order."""

    messages: list[Message] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    sequences: set[int] = field(default_factory=set)
    client: Client | None = None
    ended: bool = False  # the broker has hung up, and all that it had sent is here

    def on(self, topic: str) -> list[bytes]:
        """What came on topics that fit."""
        return [one.payload for one in self.messages if one.topic.matches(topic)]

    def add(self, message: Message) -> None:
        """Takes a message in."""
        self.messages.append(message)
        if message.topic.matches("orderferry/events/+"):
            self.events.append(json.loads(message.payload))
            self.sequences.add(self.events[-1]["sequence"])

    def last(self, topic: str) -> bytes | None:
        """The last message of a topic."""
        return next(iter(reversed(self.on(topic))), None)

    async def event(self, kind: str, **data: object) -> Json:
        """The first event of a kind with these data, as soon as it is there."""
        found: list[Json] = []

        def there() -> bool:
            found[:] = [
                one
                for one in self.events
                if one["kind"] == kind
                and all(one["data"].get(key, one.get(key)) == value for key, value in data.items())
            ]
            return bool(found)

        await eventually(there, f"an event {kind} {data}")
        return found[0]


@asynccontextmanager
async def broker(folder: Path, **fields: Any) -> AsyncIterator[Broker]:  # any field of a broker
    """A broker that runs, on a free port."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - before anything else goes on
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    one = Broker(folder, port, **fields)
    await one.start()
    try:
        yield one
    finally:
        await one.stop(kill=True)


@asynccontextmanager
async def listening(broker: Broker, *topics: str, **more: Any) -> AsyncIterator[Listener]:  # as in Broker.client
    """Listens to these topics, or to everything."""
    heard = Listener()

    async def listen(client: Client) -> None:
        with suppress(MqttError):
            async for message in client.messages:
                heard.add(message)
        heard.ended = True

    async with broker.client(**more) as client:
        heard.client = client
        for topic in topics or ("#",):
            await client.subscribe(topic, qos=0)  # the broker then waits for no answer
        task = asyncio.create_task(listen(client))
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def with_tls(folder: Path, authority: Signer) -> tuple[Path, Path]:
    """The file of a broker that is "localhost", and that of the authority that vouches for it."""
    folder.mkdir(exist_ok=True)
    certified = write(folder / "broker.pem", certify("localhost", signer=authority))
    return certified, trusted(folder / "authority.pem", authority)


def _is_root() -> bool:
    import os  # noqa: PLC0415 - asked once

    return os.geteuid() == 0


@dataclass
class Wire:
    """A line to a broker that can be cut, and held up: while `open` is not set, nothing of ours gets through."""

    port: int = 0
    taken: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    ends: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Breaks every connection, this very moment."""
        for end in self.ends:
            end.transport.abort()


@asynccontextmanager
async def wire(to: Broker) -> AsyncIterator[Wire]:
    """A line to this broker, on a port of its own."""
    one = Wire()
    one.open.set()
    tasks: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event | None) -> None:
        with suppress(OSError):
            while data := await reader.read(4096):
                if gate is not None:
                    await gate.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to.port)
        except OSError:
            writer.transport.abort()
            return
        one.ends |= {writer, far_writer}
        one.taken += 1
        ways = ((reader, far_writer, one.open), (far_reader, writer, None))
        tasks.update(asyncio.create_task(pass_on(*way)) for way in ways)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        one.cut()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
