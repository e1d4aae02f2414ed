"""What stands between the daemon and the real shop: it hands every request on, and loses answers as a script says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from orderferry.testing.simulator import Faults, Simulator

PASSED = ("Content-Type", "Authorization", "Accept")


class Front(Simulator):
    """A proxy with the faults of a simulator; `heard` is told of each order before the shop is.

    `drafts` counts the drafts that were asked for by marketplace order, `twice` is what the test has found in the shop.
    """

    def __init__(self, shop_url: str, *, seed: int, faults: Faults) -> None:
        super().__init__(seed=seed, faults=faults)
        self.heard: Callable[[str], None] = lambda _: None
        self.drafts: Counter[str] = Counter()
        self.twice: list[str] = []
        self._shop_url = shop_url
        self._http: aiohttp.ClientSession | None = None

    def routes(self) -> list[web.RouteDef]:
        """Everything is handed on."""
        return [web.route("*", "/{path:.*}", self._hand_on)]

    def summary(self) -> dict[str, Any]:
        """What a journey's end looks at."""
        return {"twice": self.twice}

    async def start(self, port: int = 0) -> None:
        """Serves."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120))
        await super().start(port)

    async def stop(self) -> None:
        """Ends."""
        await super().stop()
        if self._http is not None:
            await self._http.close()

    async def _hand_on(self, request: web.Request) -> web.Response:
        assert self._http is not None
        body = await request.read()
        if (request.method, request.path) == ("POST", "/admin/draft-orders"):
            form = json.loads(body)["metadata"]["orderferry_order"]
            self.drafts[form] += 1
            self.heard(form)
        headers = {name: request.headers[name] for name in PASSED if name in request.headers}
        target = URL(self._shop_url + request.raw_path, encoded=True)
        try:
            async with self._http.request(request.method, target, data=body, headers=headers) as answer:
                return web.Response(
                    status=answer.status, body=await answer.read(), content_type=answer.content_type or None
                )
        except aiohttp.ClientError:  # the shop ends
            return web.Response(status=502)
