"""How far the broker has come: the last row of the journal that it took, kept in the store."""

from __future__ import annotations

from collections.abc import Callable

from daemon.desk import Desk
from daemon.round import Rounds
from daemon.store.mqtt_reader import POSITION, MqttReader
from daemon.views import Done


class Position:
    """`taken` moves on with the broker's answers, and is saved now and then: what is told twice has the same id."""

    def __init__(self, rounds: Rounds, taken: int, *, saved: bool) -> None:
        self.taken = taken
        self._rounds = rounds
        self._saved = taken if saved else None

    @classmethod
    async def read(cls, reader: MqttReader, rounds: Rounds) -> Position:
        """As it was saved; where nothing was, with what comes from now on, not with years of journal."""
        before = await reader.fact(POSITION)
        taken = await reader.last_entry() if before is None else int(before)
        position = cls(rounds, taken, saved=before is not None)
        await position.save()
        return position

    async def save(self) -> None:
        """Has it on disk when it returns."""
        if (taken := self.taken) != self._saved:
            await self.note(POSITION, str(taken))
            self._saved = taken

    async def note(self, key: str, value: str) -> None:
        """Keeps a fact in the store's `meta`; it goes with the round that is being filled anyway."""
        await self._rounds.act(_fact(key, value))


def _fact(key: str, value: str) -> Callable[[Desk], Done]:
    def act(desk: Desk) -> Done:
        desk.batch.add("set_meta", key, value)
        return Done(text=key)

    return act
