"""The open port for watchers: metrics and health on an address of this very machine, and nothing else.

Whoever is on the machine may read here, so there is nothing of an order's here. A browser can be made to ask a local
port by a name that its owner points at 127.0.0.1, so only the machine's own names are taken as `Host`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from aiohttp import web

from daemon.control import guard, routes, streams
from daemon.control.guard import Limits, Refusal
from daemon.control.hub import Hub
from daemon.control.listening import Connections, problem_answer
from daemon.control.parameters import query_of
from daemon.control.routes import Route
from daemon.views import CommandError, Problem
from orderferry.surroundings import Log

HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
METHODS = ("GET", "HEAD")
OPEN: Mapping[str, Route] = {route.path: route for route in routes.ROUTES if route.open}


class OpenPort:
    """Serves the routes that are marked as open."""

    def __init__(self, hub: Hub, log: Log, limits: Limits | None = None) -> None:
        self._hub = hub
        self._log = log
        self._limits = limits or Limits()

    async def run(self, host: str, port: int) -> None:
        """Serves until it is cancelled; raises OSError where the port can't be had."""
        connections = Connections(self._answer, self._limits)
        server = await asyncio.get_running_loop().create_server(connections, host, port)
        self._log.info("metrics_listening", url=f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics")
        try:
            await asyncio.Event().wait()  # not serve_forever, whose end waits for connections that are kept open
        finally:
            server.close()
            connections.pre_shutdown()
            await connections.shutdown(self._limits.grace)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            route = self._route(request)
            view = await getattr(self._hub, route.hub)()
        except Refusal as refused:
            return problem_answer(refused.status, refused.problem, refused.headers)
        except CommandError as error:
            return problem_answer(guard.STATUS.get(error.problem.code, 500), error.problem)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong inside must not reach the client
            self._log.warning("control_mistake", route=request.path, error=type(error).__name__, exc_info=error)
            return problem_answer(500, Problem(code="internal", message="the daemon made a mistake; its log says more"))
        body = view.encode() if route.plain else msgspec.json.encode(view)
        headers = {"Content-Type": route.plain or "application/json", "Cache-Control": "no-store"}
        answer = web.Response(body=body, headers=headers)
        async with streams.in_time(request, self._limits.write):
            await answer.prepare(request)
            await answer.write_eof()
        return answer

    def _route(self, request: web.BaseRequest) -> Route:
        guard.check_headers(request.raw_path, request.raw_headers, _is_ours, self._limits.headers)
        path, _, query = request.raw_path.partition("?")
        if path not in OPEN:
            raise guard.refusal(404, f"here are {', '.join(OPEN)} alone", "not_found")
        if request.method not in METHODS:
            raise guard.refusal(405, f"{path} is only read", headers={"Allow": ", ".join(METHODS)})
        query_of(path, OPEN[path].query, query)
        return OPEN[path]


def _is_ours(host: str) -> bool:
    """Whether a Host names this machine, with any port: the watcher may come by a tunnel."""
    name, colon, port = host.rpartition(":")
    return host.lower() in HOSTS or (bool(colon) and name.lower() in HOSTS and port.isascii() and port.isdigit())
