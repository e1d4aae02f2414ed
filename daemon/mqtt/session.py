"""One connection's work, from the login to the loss: events, the state, Home Assistant, and requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import structlog

from daemon.core.announcing import announcement
from daemon.core.journal import Entry
from daemon.core.outbox import LONGEST_AWAY
from daemon.core.standing import State, state
from daemon.events import Feed
from daemon.mqtt import messages
from daemon.mqtt.faults import LinkError, RefusedError
from daemon.mqtt.messages import OFFLINE, ONLINE, TELLS_OF_BUYER, Identity, Personal
from daemon.mqtt.position import Position
from daemon.mqtt.requests import Requests
from daemon.mqtt.topics import Topics
from daemon.mqtt_settings import MqttSettings
from daemon.store.mqtt_reader import ANNOUNCED, MqttReader
from orderferry import Clock

if TYPE_CHECKING:  # only those who have a broker wait for its library
    from daemon.mqtt.link import Incoming, Link

log = structlog.get_logger("orderferry.mqtt")

Ready: TypeAlias = Callable[[Sequence[str]], Coroutine[Any, Any, None]]  # what a task can be made of

WINDOW = 20
LAST_WORD = 2.0
SAVE_EVERY = 1.0
STATE_EVERY = 1.0
REFRESH_AFTER = 30  # of STATE_EVERY


class Session:
    """Works until the connection is lost (`LinkError`) or it is cancelled."""

    def __init__(
        self,
        link: Link,
        settings: MqttSettings,
        identity: Identity,
        *,
        reader: MqttReader,
        feed: Feed,
        position: Position,
        requests: Requests,
        refusals: dict[str, str],
        health: Callable[[], dict[str, str]],
        clock: Clock,
    ) -> None:
        self._complaints: list[str] = []
        self._link = link
        self._settings = settings
        self._identity = identity
        self._topics = Topics(settings, identity.installation)
        self._reader = reader
        self._feed = feed
        self._position = position
        self._requests = requests
        self._refusals = refusals  # by topic, from connection to connection
        self._health = health
        self._clock = clock
        self._taken: asyncio.Queue[tuple[int, asyncio.Task[None]]] = asyncio.Queue(WINDOW)
        self._changed = asyncio.Event()
        self._announced = False

    async def work(self, ready: Ready) -> None:
        """Does all of it until the end, and says goodbye where there is still somebody to say it to.

        `ready` is begun once all is under way, with the sentences of what the broker refuses us.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read())  # it is this that learns of a loss
                await self._greet()
                group.create_task(self._tell_events(group))
                group.create_task(self._count_taken())
                group.create_task(self._keep_position())
                group.create_task(self._tell_state())
                group.create_task(ready(self._complaints))
        except ExceptionGroup as group:
            raise _foremost(group) from group
        except asyncio.CancelledError:
            with suppress(LinkError, TimeoutError):
                async with asyncio.timeout(LAST_WORD):
                    await self._publish("status", OFFLINE)
            raise

    async def _greet(self) -> None:
        """What comes before all else, a message at a time, so that a refusal can be told from any other."""
        await self._announce_or_withdraw()
        if self._announced:
            await self._subscribe(self._topics("birth"))
        if self._settings.requests:
            await self._subscribe(self._topics("request", "+"))
        await self._publish("status", ONLINE)

    async def _publish(self, name: str, payload: bytes, varying: str = "") -> None:
        await self._link.publish(self._topics(name, varying), payload, retain=self._topics.retained(name))

    async def _subscribe(self, topic: str) -> None:
        if (complaint := await self._link.subscribe(topic)) is not None:
            self._complaints.append(complaint)

    # Home Assistant

    async def _announce_or_withdraw(self) -> None:
        wanted = self._topics("announcement") if self._settings.discovery else None
        before = await self._reader.fact(ANNOUNCED) or None
        if before not in {None, wanted} and await self._try(before, b"") and wanted is None:
            await self._position.note(ANNOUNCED, "")
        if wanted is not None:
            self._announced = await self._try(wanted, self._announcement())
            if not self._announced:
                self._complaints.append(f"{self._refusals[wanted]}, or set discovery = false")
            elif before != wanted:
                await self._position.note(ANNOUNCED, wanted)

    async def _try(self, topic: str, payload: bytes) -> bool:
        """Publishes what we can do without; what was refused once is not tried again, as some brokers hang up on it."""
        if topic not in self._refusals:
            refusal = await self._link.try_publish(topic, payload, retain=True)
            if refusal is None:
                return True
            self._refusals[topic] = refusal
        return False

    def _announcement(self) -> bytes:
        fetch = self._topics("request", "fetch") if self._settings.requests else None
        return msgspec.json.encode(
            announcement(
                self._identity.installation,
                self._identity.version,
                status_topic=self._topics("status"),
                state_topic=self._topics("state"),
                fetch_topic=fetch,
            )
        )

    # what comes

    async def _read(self) -> None:
        async for message in self._link.messages():
            if self._announced and message.topic == self._topics("birth"):
                if message.payload == ONLINE and not message.retained:
                    await self._publish("announcement", self._announcement())
            else:
                self._take(message)

    def _take(self, message: Incoming) -> None:
        verb = self._topics.verb(message.topic)
        if verb is None or message.retained or not message.payload:
            return  # what was kept for whoever comes later was not meant for now, and an empty one takes that back
        self._requests.take(verb, message.payload, self._reply)

    async def _reply(self, verb: str, answer: bytes) -> None:
        with suppress(LinkError):  # the sender gives the request's id again, and gets the same answer
            await self._publish("response", answer, verb)

    # events

    async def _tell_events(self, group: asyncio.TaskGroup) -> None:
        """Sends row after row, a few ahead of what the broker has taken; the rows wait on disk, not here."""
        start = await self._resume()
        async with aclosing(self._feed.follow(self._reader, start)) as entries:
            async for entry in entries:
                told = messages.event(entry, self._identity, await self._personal(entry))
                sending = group.create_task(self._publish("event", told, entry.kind.value))
                await self._taken.put((entry.id, sending))
                self._changed.set()

    async def _resume(self) -> int:
        now = self._clock.now()
        backlog = await self._reader.backlog(self._position.taken, now - LONGEST_AWAY)
        start = backlog.resume
        count = await self._reader.rows_between(backlog.position, start)
        if count:
            log.warning("mqtt_events_skipped", count=count)
            told = messages.skipped(backlog.position, start, count, self._identity, now)
            await self._publish("event", told, messages.SKIPPED)
        self._position.taken = start
        return start

    async def _personal(self, entry: Entry) -> Personal | msgspec.UnsetType | None:
        if not self._settings.personal_data or entry.order is None or entry.kind not in TELLS_OF_BUYER:
            return msgspec.UNSET
        try:
            order = await self._reader.document(entry.order)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one document, the events go on
            log.warning("document_unreadable", order=entry.order, error=type(error).__name__)
            return None
        return None if order is None else Personal.of(order)

    async def _count_taken(self) -> None:
        while True:
            number, sending = await self._taken.get()
            await sending
            self._position.taken = number

    async def _keep_position(self) -> None:
        while True:
            await self._clock.sleep(SAVE_EVERY)
            await self._position.save()

    # the state

    async def _tell_state(self) -> None:
        """The state as it changes, at most once a STATE_EVERY; how long an order has waited, more seldom."""
        told: State | None = None
        while True:
            self._changed.clear()
            now = state(await self._reader.figures(), self._health(), self._clock.now())
            if now != told:
                await self._publish("state", msgspec.json.encode(now))
                told = now
            for _ in range(REFRESH_AFTER):
                await self._clock.sleep(STATE_EVERY)
                if self._changed.is_set():
                    break


def _foremost(group: ExceptionGroup[Exception]) -> Exception:
    """What ended a session: a fault of ours, else what the broker refused, else that it was lost."""
    _, faults = group.split(LinkError)
    refused, _ = group.split(RefusedError)
    return (faults or refused or group).exceptions[0]
