"""A connection to the broker: aiomqtt, with its errors put into sentences, and with what it keeps silent about."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiomqtt import Client, MqttError, ProtocolVersion, Will
from aiomqtt.exceptions import MqttCodeError, MqttConnectError
from msgspec import Struct
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from daemon.mqtt import faults
from daemon.mqtt.faults import LinkError, RefusedError
from daemon.mqtt_settings import MqttSettings

ANSWER_IN = 10.0  # seconds that the broker has for its answer to a login or a subscription
TAKE_IN = 60.0  # and to take a message: a slow broker is no broken one
GIVE_UP_IN = 0.2
IN_FLIGHT = 10  # messages under way at once; brokers must take as many, or say so, which the library does not hear
LARGEST_IN = 64 * 1024
MOST_IN = 64
FAILURE = 128

_silent = logging.getLogger("orderferry.mqtt.wire")
_silent.setLevel(logging.CRITICAL)  # what goes wrong we tell ourselves, once


class Incoming(Struct, frozen=True):
    """A message that came."""

    topic: str
    payload: bytes
    retained: bool


class _Client(Client):
    """aiomqtt's client, with three things mended that it leaves open."""

    refusal: ReasonCode | None = None  # the broker acknowledged a message only to say that it does not take it

    def _on_publish(  # Any, here and below: paho's own arguments, which we hand on
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any
    ) -> None:
        if reason_code.is_failure:
            self.refusal = reason_code
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Any = None
    ) -> None:
        """A connection that breaks before the broker has answered fails at once, not when the answer is overdue."""
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        if not self._connected.done():
            self._connected.set_exception(MqttCodeError(reason_code, "the broker hung up"))
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()  # seen: else asyncio complains of it where nobody waits any more

    def give_up(self) -> None:
        """Waits no more for the answer to our login."""
        if not self._connected.done():
            self._connected.set_exception(MqttError("given up"))
            self._connected.exception()

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ARG002 - paho's arguments
        """Waits for a socket to take more; it may be closed a moment later, and its number be another one's."""

        def write() -> None:
            try:
                client.loop_write()
            except Exception as error:  # noqa: BLE001 - as in the original: whatever it is, the connection is lost
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def register() -> None:
            if sock.fileno() >= 0:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(register)


class Link:
    """An open connection. Every method raises `LinkError` once it is lost."""

    def __init__(self, client: _Client, settings: MqttSettings) -> None:
        self._client = client
        self._settings = settings

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Returns when the broker has taken the message; messages go out in the order of the calls.

        Where the broker has refused any message, all that are under way count as refused: which one it was is not told.
        """
        try:
            await self._client.publish(topic, payload, qos=1, retain=retain, timeout=TAKE_IN)
        except MqttError as error:
            raise _lost(self._settings, error) from error
        finally:
            _heed_cancellation()
        if (refusal := self._client.refusal) is not None:
            raise faults.untaken(self._settings, topic, refusal.value, str(refusal))

    async def try_publish(self, topic: str, payload: bytes, *, retain: bool = False) -> str | None:
        """The same, for when nothing else is under way; a refusal is answered as its sentence."""
        try:
            await self.publish(topic, payload, retain=retain)
        except LinkError as error:
            if self._client.refusal is None:
                raise
            self._client.refusal = None
            return str(error)
        return None

    async def subscribe(self, topic: str) -> str | None:
        """Has these messages sent to us; a refusal is answered as its sentence."""
        try:
            (code,) = await self._client.subscribe(topic, qos=1, timeout=ANSWER_IN)
        except MqttError as error:
            raise _lost(self._settings, error) from error
        finally:
            _heed_cancellation()
        value = code if isinstance(code, int) else code.value
        return str(faults.unread(self._settings, topic, str(code))) if value >= FAILURE else None

    async def messages(self) -> AsyncIterator[Incoming]:
        """What comes, until the connection is lost."""
        try:
            async for message in self._client.messages:
                yield Incoming(str(message.topic), message.payload, message.retain)
        except MqttError as error:
            raise _lost(self._settings, error) from error


@asynccontextmanager
async def connect(settings: MqttSettings, client_id: str, will_topic: str, will: bytes) -> AsyncIterator[Link]:
    """Logs in, and out again at the end; raises `LinkError`. `will` is what the broker tells where we vanish."""
    client = _Client(
        settings.host,
        settings.at_port,
        username=settings.user,
        password=None if settings.password is None else settings.password.reveal(),
        identifier=settings.client_id or client_id,
        protocol=ProtocolVersion.V5,
        will=Will(will_topic, will, qos=1, retain=True),
        timeout=ANSWER_IN,
        keepalive=int(settings.keepalive.total_seconds()),
        max_queued_incoming_messages=MOST_IN,
        max_inflight_messages=IN_FLIGHT,
        properties=_limits(),
        tls_context=_tls(settings) if settings.encrypted else None,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        logger=_silent,
    )
    client.pending_calls_threshold = 1_000  # a warning of the library's, for a number that we choose ourselves
    await _enter(client, settings)
    try:
        yield Link(client, settings)
    finally:
        await _leave(client)


async def _enter(client: _Client, settings: MqttSettings) -> None:
    # a thread connects for the library and can't be called back: whoever gives up waits for its end, seconds at most
    entering = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.shield(entering)
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError):
            client.give_up()
            await asyncio.gather(entering, return_exceptions=True)
        await _leave(client)
        if isinstance(error, MqttConnectError):
            raise faults.refused(settings, _code(error) or 0, _words(error)) from error
        if isinstance(error, MqttError | OSError):
            raise faults.unreachable(settings, error.__context__, _words(error)) from error
        raise


async def _leave(client: _Client) -> None:
    """Says goodbye where somebody listens, and closes the connection whatever state it is in."""
    client.timeout = GIVE_UP_IN
    with suppress(MqttError):
        await client.__aexit__(None, None, None)


def _heed_cancellation() -> None:
    """The library waits by `asyncio.wait_for`, which before Python 3.12 loses a cancellation that meets an answer."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _limits() -> Any:  # Properties, as below
    limits: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho has no types for it
    limits.MaximumPacketSize = LARGEST_IN
    return limits


def _tls(settings: MqttSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise RefusedError(f"ca_file in [mqtt] can't be read as certificates ({_words(error)})") from error
    if settings.certificate is not None:
        try:
            context.load_cert_chain(settings.certificate, settings.key, password="")  # else it asks the terminal
        except (OSError, ssl.SSLError) as error:
            raise RefusedError(f"certificate and key in [mqtt] can't be read ({_words(error)})") from error
    return context


def _lost(settings: MqttSettings, error: MqttError) -> LinkError:
    return faults.lost(settings, _code(error), _words(error))


def _code(error: BaseException) -> int | None:
    """The reason code, of the error or of the one behind it."""
    for one in (error, error.__cause__):
        if isinstance(one, MqttCodeError) and isinstance(one.rc, ReasonCode):
            return one.rc.value
    return None


def _words(error: BaseException) -> str:
    """What the error says, without the numbers that libraries put in front."""
    behind = error.__cause__ if isinstance(error.__cause__, MqttError) else error
    if isinstance(behind, MqttCodeError) and isinstance(behind.rc, ReasonCode):
        return str(behind.rc)
    return str(behind).rpartition("] ")[2] or type(behind).__name__
