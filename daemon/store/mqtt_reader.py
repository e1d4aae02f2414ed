"""What the store says for MQTT: which rows a broker has not taken yet, and how things stand.

It is a reading connection of its own, so that a long replay holds up nobody who asks the control API.
"""

from __future__ import annotations

from datetime import datetime

from daemon.core.outbox import MOST_ROWS, Backlog
from daemon.core.standing import Figures, LastOrder, Oldest
from daemon.store.case import ms, when
from daemon.store.reader import Reader

POSITION, ANNOUNCED = "mqtt_position", "mqtt_announced"
"""Facts in `meta`: the last row that the broker took, and the topic on which Home Assistant knows us."""

_ADDING = "kind = 'add_order' and state in"
_UNDER_WAY, _OPEN = "('waiting', 'sending', 'unsure')", "('waiting', 'sending', 'unsure', 'parked')"


class MqttReader(Reader):
    """Opened as a `Reader` is."""

    async def fact(self, key: str) -> str | None:
        """What `meta` holds under this key."""
        rows = await self._all("select value from meta where key = ?", key)
        return rows[0][0] if rows else None

    async def backlog(self, position: int, oldest: datetime) -> Backlog:
        """The rows behind the position; those from before `oldest` count as too old."""
        crowded = await self._all(
            "select id from journal where id > ? order by id desc limit 1 offset ?", position, MOST_ROWS
        )
        start = crowded[0][0] if crowded else position
        fresh = await self._all(
            "select id from journal where id > ? and at >= ? order by id limit 1", start, ms(oldest)
        )
        return Backlog(
            position=position,
            newest=await self.last_entry(),
            crowded=crowded[0][0] if crowded else None,
            fresh=fresh[0][0] if fresh else None,
        )

    async def rows_between(self, after: int, until: int) -> int:
        """How many rows there are behind one and up to another."""
        return int((await self._all("select count(*) from journal where id > ? and id <= ?", after, until))[0][0])

    async def figures(self) -> Figures:
        """Orders on their way into a shop, what waits for a person, the order that waits longest, and the last one."""
        waiting = await self._all(f"select count(*) from job where {_ADDING} {_UNDER_WAY}")  # noqa: S608 - fixed text
        parked = await self._all(
            "select (select count(*) from job where state = 'parked') + (select count(*) from malformed)"
        )
        oldest = await self._all(
            f"select order_id, made_at from job where {_ADDING} {_OPEN} order by made_at, id limit 1"  # noqa: S608 - fixed text
        )
        last = await self._all("select id, account, external_id, first_seen from orders order by id desc limit 1")
        return Figures(
            waiting=waiting[0][0],
            parked=parked[0][0],
            oldest=Oldest(order=oldest[0][0], since=when(oldest[0][1])) if oldest else None,
            last=LastOrder(order=last[0][0], account=last[0][1], external_id=last[0][2], at=when(last[0][3]))
            if last
            else None,
        )
