"""What is still to be done, as two numbers."""

from __future__ import annotations

from daemon.store.store import Store

_OPEN_JOBS = (
    "select coalesce(sum(kind = 'add_order' and state != 'parked'), 0), coalesce(sum(state = 'parked'), 0) from job"
    " where state in ('waiting', 'sending', 'unsure', 'parked')"
)


async def open_jobs(store: Store) -> tuple[int, int]:
    """Orders that a shop is still owed, and jobs that wait for a person; read through the writing connection."""
    ((owed, parked),) = await store.fetch(_OPEN_JOBS)
    return owed, parked
