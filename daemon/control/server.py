"""The control API's server: HTTP over a unix socket, in front of the hub."""

from __future__ import annotations

import asyncio
import os
import socket as sockets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, cast

import msgspec
from aiohttp import web

from daemon.control import guard, openapi, parameters, routes, streams
from daemon.control.bodies import Body
from daemon.control.guard import Limits, Refusal
from daemon.control.hub import Hub
from daemon.control.listening import Connection, Connections, listen, problem_answer
from daemon.control.repeats import Answer, Kept, Repeats
from daemon.control.routes import Route
from daemon.core.journal import Entry
from daemon.views import CommandError, Problem
from orderferry.surroundings import Log

JSON = "application/json"
LINES = "application/x-ndjson"
EVENTS = "text/event-stream"
MOST_KEPT_LINES = 64 * 1024
REPLAYED = "Idempotent-Replayed"

_encode = msgspec.json.Encoder().encode
_INTERNAL = Problem(code="internal", message="the daemon made a mistake; its log says more")
_STOPPING = Problem(code="unavailable", message="the daemon is stopping")


class ControlServer:
    """Serves the hub at `socket`, or on a socket that already listens (systemd's) given as `sock`.

    `start` raises `daemon.control.listening.SocketError`. Root, the daemon's own user and `admin_uids` may give
    commands; everybody else who can open the socket may read.
    """

    def __init__(
        self,
        hub: Hub,
        socket: Path,
        *,
        admin_uids: tuple[int, ...] = (),
        log: Log,
        sock: sockets.socket | None = None,
        limits: Limits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub = hub
        self._path = socket
        self.admit(admin_uids)
        self._log = log
        self._sock = sock
        self._limits = limits or Limits()
        self._repeats = Repeats(monotonic)
        self._bound: tuple[int, int] | None = None
        self._stopping: asyncio.Future[None] | None = None
        self._connections: Connections | None = None
        self._server: asyncio.Server | None = None

    def admit(self, admin_uids: tuple[int, ...]) -> None:
        """From now on these may give commands, besides root and the daemon's own user."""
        self._actors = frozenset({0, os.geteuid(), *admin_uids})

    async def start(self) -> None:
        """Begins to answer; called once."""
        given = self._sock
        listening = given or listen(self._path)
        if given is None:
            found = self._path.stat()
            self._bound = (found.st_dev, found.st_ino)
        loop = asyncio.get_running_loop()
        self._stopping = loop.create_future()
        self._connections = Connections(self._answer, self._limits)
        # not create_unix_server: from Python 3.13 on that removes a socket file which may be systemd's
        self._server = await loop.create_server(self._connections, sock=listening)
        self._log.info("control_listening", socket=str(self._path))

    async def stop(self) -> None:
        """Ends streams at once, gives commands under way a moment, and removes the socket file if it is still ours."""
        if self._server is None or self._connections is None or self._stopping is None:
            return
        self._server.close()
        if self._bound is not None:
            with suppress(OSError):
                found = self._path.lstat()
                if (found.st_dev, found.st_ino) == self._bound:
                    self._path.unlink()
        if not self._stopping.done():
            self._stopping.set_result(None)
        self._connections.pre_shutdown()
        await self._connections.shutdown(self._limits.grace)
        await self._server.wait_closed()
        self._server = None

    # one request

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = cast("Connection", request.protocol)
        try:
            route, arguments, key = await self._read(request, connection.uid)
            if route is None:
                return await self._send(request, Answer(status=200, content_type=JSON, body=openapi.document()))
            if route.stream == "events":
                return await self._events(request, connection, route, arguments)
            if key is None:
                return await self._run(request, connection, route, arguments, None)
            kept, first = self._repeats.find(connection.uid, *key)
            if first:
                return await self._run(request, connection, route, arguments, kept)
            return await self._send(request, await asyncio.shield(kept.answer), {REPLAYED: "true"})
        except Refusal as refused:
            self._log.info("control_refused", uid=connection.uid, status=refused.status, reason=str(refused))
            answer = problem_answer(refused.status, refused.problem, refused.headers)
            if refused.status in {413, 431}:
                answer.force_close()
            return answer
        except CommandError as error:
            return problem_answer(guard.STATUS.get(error.problem.code, 500), error.problem)

    async def _read(
        self, request: web.BaseRequest, uid: int
    ) -> tuple[Route | None, dict[str, Any], tuple[str, bytes] | None]:
        """The route (None for the OpenAPI document), its arguments, and the key with what it stands for."""
        limits = self._limits
        target = request.raw_path
        guard.check_headers(target, request.raw_headers, (guard.HOSTS | {self._path.name}).__contains__, limits.headers)
        path, _, query = target.partition("?")
        if path == routes.OPENAPI_PATH:
            if request.method != "GET":
                raise guard.refusal(405, f"{path} is only read", headers={"Allow": "GET"})
            return None, {}, None
        found = routes.match(request.method, path)
        route = found.route
        if route is None:
            allowed = ", ".join(found.allowed)
            raise guard.refusal(405, f"this path knows {allowed} alone", headers={"Allow": allowed})
        if route.acts:
            guard.check_may_act(uid, self._actors)
        given = dict(found.given) | parameters.query_of(route.path, route.query, query)
        key = None
        if route.body is not None:
            raw = await self._body(request)
            body = _decoded(raw, route.body)
            given |= {name: getattr(body, name) for name in body.__struct_fields__}
            header = request.headers.get("Idempotency-Key")
            key = None if header is None else (header, b"\0".join((route.method.encode(), target.encode(), raw)))
        if route.stream == "events":
            given["after"] = self._begin_after(request, route, given.get("after"))
        arguments = route.shaped(given)
        return route, arguments | ({"uid": uid} if route.acts else {}), key

    async def _body(self, request: web.BaseRequest) -> bytes:
        headers, limit = request.headers, self._limits.body
        guard.check_body(
            headers.get("Content-Type"), headers.get("Content-Encoding"), headers.get("Content-Length"), limit
        )
        read = bytearray()
        try:
            async with asyncio.timeout(self._limits.read):
                while chunk := await request.content.readany():
                    read += chunk
                    if len(read) > limit:
                        raise guard.too_large(limit)
        except TimeoutError:
            cast("Connection", request.protocol).force_close()
            raise ConnectionError("the body did not come in time") from None
        except web.RequestPayloadError:
            raise guard.refusal(400, "the body is broken off, or not as its headers say") from None
        return bytes(read)

    def _begin_after(self, request: web.BaseRequest, route: Route, asked: int | None) -> int | None:
        seen = request.headers.get("Last-Event-ID")
        if seen is None:
            return asked
        return cast("int", parameters.value_of(msgspec.structs.replace(route.query[0], name="Last-Event-ID"), seen))

    # answers

    async def _run(
        self,
        request: web.BaseRequest,
        connection: Connection,
        route: Route,
        arguments: Mapping[str, Any],
        kept: Kept | None,
    ) -> web.StreamResponse:
        """Asks the hub, answers, and settles the key whatever happens."""
        answer = Answer(status=503, content_type=JSON, body=_encode(_STOPPING))
        out = streams.Writer(request, LINES, self._limits.write)
        try:
            if route.stream == "lines":
                answer = await self._lines(out, connection, route, arguments, keyed=kept is not None)
            else:
                answer = await self._ask(route, arguments)
        finally:
            if kept is not None:
                self._repeats.settle(kept, answer)
        self._note(route, arguments, answer.status)
        return await (out.end() if out.response.prepared else self._send(request, answer))

    async def _ask(self, route: Route, arguments: Mapping[str, Any]) -> Answer:
        try:
            view = await getattr(self._hub, route.hub)(**arguments)
            if route.plain is not None:
                return Answer(status=200, content_type=route.plain, body=view.encode())
            return Answer(status=200, content_type=JSON, body=_encode(view))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong inside must not reach the client
            return self._failed(route, error)

    def _failed(self, route: Route, error: Exception) -> Answer:
        """The hub's refusal, or our own mistake without its insides."""
        if isinstance(error, CommandError):
            status, problem = guard.STATUS.get(error.problem.code, 500), error.problem
        else:
            status, problem = 500, _INTERNAL
            self._log.warning("control_mistake", route=route.about, error=type(error).__name__, exc_info=error)
        return Answer(status=status, content_type=JSON, body=_encode(problem))

    def _note(self, route: Route, arguments: Mapping[str, Any], status: int) -> None:
        if route.acts:
            self._log.info("control_command", uid=arguments["uid"], route=route.about, status=status)
        else:
            self._log.debug("control_read", route=route.about, status=status)

    async def _send(
        self, request: web.BaseRequest, answer: Answer, headers: Mapping[str, str] | None = None
    ) -> web.StreamResponse:
        every = {"Cache-Control": "no-store", "Content-Type": answer.content_type, **(headers or {})}
        response = web.Response(status=answer.status, body=answer.body, headers=every)
        async with streams.in_time(request, self._limits.write):
            await response.prepare(request)
            await response.write_eof()
        return response

    async def _lines(
        self,
        out: streams.Writer,
        connection: Connection,
        route: Route,
        arguments: Mapping[str, Any],
        *,
        keyed: bool,
    ) -> Answer:
        """Streams what the hub yields, a line each; nothing is written where it failed before the first line.

        Under a key the command is carried to its end even if the reader leaves, since he may ask for the answer.
        """
        stopping = self._until_stop()
        source: AsyncIterator[msgspec.Struct] = getattr(self._hub, route.hub)(**arguments)
        ends = (stopping,) if keyed else (stopping, connection.closed)
        lines, failed, gone = streams.Lines(MOST_KEPT_LINES), None, False
        async with aclosing(streams.each(source, *ends)) as items:
            try:
                async for item in items:
                    line = _encode(item) + b"\n"
                    lines.add(line, last=bool(getattr(item, "done", False) or getattr(item, "error", None)))
                    if not gone:
                        gone = await _left(out.write(line), keyed=keyed)
            except streams.ReaderGoneError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever goes wrong inside must not reach the client
                failed = self._failed(route, error)
        if failed is None and stopping.done():
            failed = Answer(status=503, content_type=JSON, body=_encode(_STOPPING))
        if failed is not None:
            if not out.response.prepared and not gone:
                return failed
            lines.add(failed.body + b"\n", last=True)
            if not gone:
                await _left(out.write(failed.body + b"\n"), keyed=keyed)
        status = 503 if failed is not None and failed.status == 503 else 200
        return Answer(status=status, content_type=LINES, body=bytes(lines))

    async def _events(
        self, request: web.BaseRequest, connection: Connection, route: Route, arguments: Mapping[str, Any]
    ) -> web.StreamResponse:
        stopping = self._until_stop()
        source: AsyncIterator[Entry] = getattr(self._hub, route.hub)(**arguments)
        out = streams.Writer(request, EVENTS, self._limits.write)
        pulse = self._limits.pulse
        async with aclosing(streams.each(source, stopping, connection.closed, pulse=pulse)) as entries:
            try:
                await out.write(streams.STILL_HERE)  # sends the head on its way before anything happens
                async for entry in entries:
                    await out.write(streams.STILL_HERE if entry is None else streams.event(entry))
            except streams.ReaderGoneError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever goes wrong inside must not reach the client
                await out.write(streams.event_of_problem(self._failed(route, error).body))
        return await out.end()

    def _until_stop(self) -> asyncio.Future[None]:
        if self._stopping is None:
            raise RuntimeError("the server was not started")
        return self._stopping


async def _left(writing: Awaitable[None], *, keyed: bool) -> bool:
    """Whether the reader was found gone; without a key that ends the command."""
    try:
        await writing
    except streams.ReaderGoneError:
        if not keyed:
            raise
        return True
    return False


def _decoded(raw: bytes, body: type[Body]) -> Body:
    try:
        return msgspec.json.decode(raw or b"{}", type=body)
    except msgspec.ValidationError as error:
        raise guard.refusal(400, f"the body is not right: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise guard.refusal(400, "the body is not JSON") from None
