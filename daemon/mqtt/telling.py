"""The companion that keeps the broker told: connects, works, and tries again, for as long as [mqtt] stands there."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import structlog

from daemon.accounts import Accounts
from daemon.companions import Companion
from daemon.control.hub import Hub
from daemon.core import outbox
from daemon.events import Feed
from daemon.mqtt.faults import LinkError, RefusedError
from daemon.mqtt.messages import OFFLINE, Identity
from daemon.mqtt.position import Position
from daemon.mqtt.requests import Requests
from daemon.mqtt.session import LAST_WORD, Session
from daemon.mqtt.topics import Topics
from daemon.mqtt_settings import MqttSettings
from daemon.round import FatalStoreError, Rounds
from daemon.store.mqtt_reader import MqttReader
from orderferry import Clock

log = structlog.get_logger("orderferry.mqtt")

STEADY_AFTER = 10.0


class Mqtt:
    """MQTT beside the main job. `trouble` is what is wrong with it now, for the daemon's problems."""

    def __init__(
        self,
        hub: Hub,
        accounts: Accounts,
        *,
        identity: Identity,
        rounds: Rounds,
        feed: Feed,
        open_reader: Callable[[], Awaitable[MqttReader]],
        clock: Clock,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._hub = hub
        self._accounts = accounts
        self._identity = identity
        self._rounds = rounds
        self._feed = feed
        self._open_reader = open_reader
        self._clock = clock
        self._draw = draw
        self._trouble: str | None = None
        self._told: str | None = None  # what the log says of an absence that has not ended

    def trouble(self) -> str | None:
        """What is wrong, in a sentence with what helps; None where all is well, or MQTT is off."""
        return self._trouble

    def companion(self) -> Companion:
        """As the daemon runs it."""
        return Companion(name="mqtt", settings=lambda config: config.mqtt, run=self.run)

    async def run(self, settings: MqttSettings) -> None:
        """Keeps the broker told until it is cancelled; an absent broker is waited for without end."""
        async with AsyncExitStack() as closing:
            reader = await self._open_reader()
            closing.push_async_callback(reader.close)
            position = await Position.read(reader, self._rounds)
            closing.push_async_callback(_save_at_last, position)
            requests = Requests(self._hub, self._clock.monotonic)
            closing.push_async_callback(requests.stop)
            closing.callback(self._forget)
            refusals: dict[str, str] = {}
            tries = 0
            while True:
                began = self._clock.monotonic()
                try:
                    await _apart(self._connect_and_work(settings, reader, position, requests, refusals))
                except LinkError as error:
                    self._went_away(error)
                tries = 1 if self._clock.monotonic() - began > STEADY_AFTER else tries + 1
                await self._clock.sleep(outbox.pause(tries, self._draw()))

    async def _connect_and_work(
        self,
        settings: MqttSettings,
        reader: MqttReader,
        position: Position,
        requests: Requests,
        refusals: dict[str, str],
    ) -> None:
        from daemon.mqtt.link import connect  # noqa: PLC0415 - only those who have a broker wait for its library

        topics, installation = Topics(settings, self._identity.installation), self._identity.installation
        async with connect(settings, f"orderferry-{installation}", topics("status"), OFFLINE) as link:
            session = Session(
                link,
                settings,
                self._identity,
                reader=reader,
                feed=self._feed,
                position=position,
                requests=requests,
                refusals=refusals,
                health=lambda: {state.name: state.health.value for state in self._accounts},
                clock=self._clock,
            )
            await session.work(self._came_back)

    def _went_away(self, error: LinkError) -> None:
        """One line in the log, and another only where something else is wrong that a person has to mend."""
        self._trouble = f"{error}. Orders go on, and events wait on disk"
        if self._told is None or (isinstance(error, RefusedError) and str(error) != self._told):
            self._told = str(error)
            log.warning("mqtt_away", reason=self._told)

    async def _came_back(self, complaints: Sequence[str]) -> None:
        """After an absence a connection counts as back when it has lasted: so one that flaps does not fill the log."""
        if self._told is not None:
            await self._clock.sleep(STEADY_AFTER)
        log.info("mqtt_connected")
        self._trouble, self._told = "; ".join(complaints) or None, None
        if self._trouble is not None:
            log.warning("mqtt_incomplete", reason=self._trouble)

    def _forget(self) -> None:
        self._trouble = self._told = None


async def _apart(work: Coroutine[Any, Any, None]) -> None:
    """Awaits it in a task of its own: whatever it makes of its cancellation, ours stays one.

    Before Python 3.13 a group of tasks that fails while it is cancelled hides that.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await task


async def _save_at_last(position: Position) -> None:
    """What is told twice does no harm, so an end does not wait long for the disk."""
    with suppress(TimeoutError, FatalStoreError):
        async with asyncio.timeout(LAST_WORD):
            await position.save()
