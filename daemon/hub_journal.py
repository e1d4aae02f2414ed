"""What can be asked of the hub's journal."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator
from datetime import datetime

from daemon.core.journal import Entry, Kind
from daemon.events import Feed
from daemon.store.reader import Reader
from daemon.views import CommandError, JournalView


class HubJournal:
    """The part of the hub's reading half that is about the journal, and about which order a person means."""

    _reader: Reader
    _feed: Feed

    async def journal(
        self,
        *,
        after: int = 0,
        since: datetime | None = None,
        order: str | None = None,
        account: str | None = None,
        kind: str | None = None,
        newest: bool = False,
        limit: int = 100,
    ) -> JournalView:
        """Rows of the journal after an id and since a moment; `last` is where to go on, past rows that do not fit."""
        number = None if order is None else await self._number(order)
        if kind is not None and kind not in set(Kind):
            near = tuple(difflib.get_close_matches(kind, Kind, n=3)) or tuple(Kind)
            raise CommandError("invalid", f"{kind!r} is not a kind of the journal's rows", near)
        if since is not None:
            after = max(after, await self._reader.last_before(since))
        last = max(after, await self._reader.last_entry()) if newest else after
        entries = await self._reader.journal(
            after=after, order=number, account=account, kind=kind, newest=newest, limit=limit
        )
        return JournalView(entries=tuple(entries), last=max([last, *(entry.id for entry in entries)]))

    async def follow(self, after: int | None) -> AsyncIterator[Entry]:
        """Every row after that id as it comes; None begins with the next one."""
        start = await self._reader.last_entry() if after is None else after
        async for entry in self._feed.follow(self._reader, start):
            yield entry

    async def _number(self, text: str) -> int:
        found = await self._reader.find(text)
        if len(found) == 1:
            return found[0]
        if found:
            several = tuple(str(number) for number in found)
            raise CommandError("conflict", f"{text!r} names several orders; say the hub's number", several)
        near = difflib.get_close_matches(text, await self._reader.near(text), n=3, cutoff=0.5)
        raise CommandError("not_found", f"there is no order {text!r}", tuple(near))
