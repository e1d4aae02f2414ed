"""What watchers ask of the hub: whether it lives, whether it is ready, and its metrics."""

from __future__ import annotations

from daemon.views import HealthView
from daemon.watch.watch import Watch


class HubWatch:
    """The part of `daemon.control.hub.Hub` for watchers."""

    watch: Watch

    async def healthz(self) -> HealthView:
        """The process lives, and its loop answers."""
        return HealthView(health="ok")

    async def readyz(self) -> HealthView:
        """The daemon can do its work; raises `CommandError` with the reason where it can't."""
        await self.watch.ready()
        return HealthView(health="ok")

    async def metrics(self) -> str:
        """All metrics in Prometheus's text format 0.0.4."""
        return await self.watch.exposition()
