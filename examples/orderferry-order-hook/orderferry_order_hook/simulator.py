"""A seller's own program as it might be: it keeps what it is sent in memory, and misbehaves on purpose if asked.

    python -m orderferry_order_hook.simulator --port 8765

prints one line of JSON with its address and secret, and serves until it is ended. What it holds: GET /_sim/orders.
"""

from __future__ import annotations

import hmac
import json
from typing import Any

from aiohttp import web
from orderferry.testing import serving
from orderferry.testing.simulator import Faults, Handle, Simulator

from orderferry_order_hook.auth import HEADER, signature

Json = dict[str, Any]

SECRET = "the-simulators-secret"  # noqa: S105 - a made-up secret of a simulator
SHOWN = ("reference", "number", "total", "currency", "parcels")


class OrderHookSimulator(Simulator):
    """The orders by their references."""

    def __init__(self, *, seed: int = 0, faults: Faults | None = None) -> None:
        super().__init__(seed=seed, faults=faults)
        self.orders: dict[str, Json] = {}

    def routes(self) -> list[web.RouteDef]:
        """The four requests, and what is held."""
        return [
            web.get("/", self._signed(self._hello)),
            web.put("/{reference}", self._signed(self._put)),
            web.get("/{reference}", self._signed(self._get)),
            web.patch("/{reference}", self._signed(self._patch)),
            web.get("/_sim/orders", self._all),
        ]

    def _signed(self, handle: Handle) -> Handle:
        async def signed(request: web.Request) -> web.StreamResponse:
            right = signature(SECRET, request.method, request.rel_url.raw_path, await request.read())
            if not hmac.compare_digest(right, request.headers.get(HEADER, "")):
                return web.json_response({"message": "the signature is wrong"}, status=401)
            return await handle(request)

        return signed

    async def _hello(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return web.json_response({"name": "the simulator"})

    async def _put(self, request: web.Request) -> web.Response:
        reference, told = request.match_info["reference"], json.loads(await request.read())
        if reference not in self.orders:
            number = f"ERP-{len(self.orders) + 1:04}"
            self.orders[reference] = {**told, "reference": reference, "number": number, "parcels": []}
        return await self._get(request)

    async def _get(self, request: web.Request) -> web.Response:
        order = self.orders.get(request.match_info["reference"])
        return web.json_response({"order": None if order is None else {key: order[key] for key in SHOWN}})

    async def _patch(self, request: web.Request) -> web.Response:
        reference = request.match_info["reference"]
        if reference not in self.orders:
            return web.json_response({"message": "there is no such order"}, status=404)
        self.orders[reference] |= json.loads(await request.read())
        return await self._get(request)

    async def _all(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return web.json_response(list(self.orders.values()))


def main() -> None:
    """The command line."""
    options = serving.arguments("A simulated program of a seller's own.").parse_args()
    simulator = OrderHookSimulator(seed=options.seed, faults=serving.struck(options.faults))
    serving.run(simulator, options.port, lambda: {"secret": SECRET})


if __name__ == "__main__":
    main()
