"""Commands that come by MQTT: each checked as the control API checks it, carried out once, and answered.

The broker may deliver a request twice, and its sender may send it again: a request whose id came before gets the first
answer. Ids are remembered as long as those of the control API. MQTT knows no users, so in the journal stands BY_MQTT in
the place of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
import structlog
from msgspec import Struct

from daemon.control.bodies import Body, FetchBody, ParcelBody, StatusBody
from daemon.control.hub import Hub
from daemon.control.repeats import LONGEST_KEY, Answer, Repeats
from daemon.core.journal import BY_MQTT
from daemon.mqtt.messages import Response
from daemon.views import CommandError, Problem

log = structlog.get_logger("orderferry.mqtt")

MOST_AT_ONCE = 8
MOST_ANSWERED = 100
LARGEST = 16 * 1024
JSON = "application/json"

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_KEY, pattern=r"^[\x20-\x7e]+$")]
OrderName = Annotated[str, msgspec.Meta(min_length=1, max_length=500)] | int


class Ask(Body, frozen=True, kw_only=True):
    """The daemon at a glance."""

    id: Id


class Fetch(FetchBody, frozen=True, kw_only=True):
    """Fetch now, and answer when it is done."""

    id: Id


class SetStatus(StatusBody, frozen=True, kw_only=True):
    """Give an order another status; `order` is the hub's number, or the marketplace's id."""

    id: Id
    order: OrderName


class AddParcel(ParcelBody, frozen=True, kw_only=True):
    """Add a parcel's tracking number to an order."""

    id: Id
    order: OrderName


class _Named(Struct):
    id: Id | None = None


class Verb(Struct, frozen=True):
    """A verb: what its requests carry, `id` always among it, and how it is carried out."""

    body: type[Body]
    run: Callable[[Hub, Any], Awaitable[Any]]  # such a body -> a view of the control API


async def _status(hub: Hub, _: Ask) -> Any:  # StatusView
    return await hub.status()


async def _fetch(hub: Hub, asked: Fetch) -> Any:  # the last line of each account
    return [line async for line in hub.fetch(asked.names, BY_MQTT, asked.since) if line.done]


async def _set_status(hub: Hub, asked: SetStatus) -> Any:  # Done
    return await hub.set_status(str(asked.order), asked.status, BY_MQTT)


async def _add_parcel(hub: Hub, asked: AddParcel) -> Any:  # Done
    return await hub.add_parcel(str(asked.order), asked.carrier, asked.number, BY_MQTT)


VERBS: Mapping[str, Verb] = {
    "status": Verb(Ask, _status),
    "fetch": Verb(Fetch, _fetch),
    "set-status": Verb(SetStatus, _set_status),
    "add-parcel": Verb(AddParcel, _add_parcel),
}

Reply = Callable[[str, bytes], Awaitable[None]]


class Requests:
    """Takes requests, and replies by verb; outlives a connection, so that a command goes on when one is lost."""

    def __init__(self, hub: Hub, monotonic: Callable[[], float]) -> None:
        self._hub = hub
        self._repeats = Repeats(monotonic)
        self._running: set[asyncio.Task[None]] = set()

    def take(self, verb: str, payload: bytes, reply: Reply) -> None:
        """Carries a request out beside whatever else goes on; `reply` may be dead by then, and the answer lost."""
        if len(self._running) >= MOST_ANSWERED:
            return  # somebody floods us, or takes no answers: it is as if the request had not come
        busy = len(self._running) >= MOST_AT_ONCE
        task = asyncio.create_task(self._carry_out(verb, payload, reply, busy=busy))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """Waits for nothing more; what was handed to the hub is done there all the same."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _carry_out(self, verb: str, payload: bytes, reply: Reply, *, busy: bool) -> None:
        answer = await self._answer(verb, payload, busy=busy)
        await reply(verb, answer)

    async def _answer(self, verb: str, payload: bytes, *, busy: bool) -> bytes:
        name: str | None = None
        try:
            known = _known(verb)
            asked = _read(payload, known.body)
            name = asked.id
            kept, first = self._repeats.find(0, asked.id, b"\0".join((verb.encode(), payload)))
            if not first:
                return (await asyncio.shield(kept.answer)).body
        except CommandError as error:
            return _encode(Response(id=name or _id_of(payload), ok=False, problem=_ours(error.problem)))
        response = Response(id=name, ok=False, problem=_STOPPING)
        try:
            response = await self._run(verb, known, asked, busy=busy)
        finally:
            answer = Answer(status=200 if _lasting(response) else 503, content_type=JSON, body=_encode(response))
            self._repeats.settle(kept, answer)
        return answer.body

    async def _run(self, verb: str, known: Verb, asked: Any, *, busy: bool) -> Response:  # asked: its body
        problem: Problem
        if busy:
            return Response(id=asked.id, ok=False, problem=_BUSY)
        try:
            result = await known.run(self._hub, asked)
        except CommandError as error:
            problem = error.problem
        except Exception as error:
            log.warning("mqtt_mistake", what=verb, error=type(error).__name__, exc_info=error)
            problem = _INTERNAL
        else:
            log.info("mqtt_command", what=verb, outcome="done")
            return Response(id=asked.id, ok=True, result=result)
        log.info("mqtt_command", what=verb, outcome=problem.code)
        return Response(id=asked.id, ok=False, problem=problem)


_encode = msgspec.json.Encoder().encode
_INTERNAL = Problem(code="internal", message="the daemon made a mistake; its log says more")
_BUSY = Problem(code="unavailable", message=f"{MOST_AT_ONCE} requests are under way; send it again later")
_STOPPING = Problem(code="unavailable", message="the daemon is stopping")


def _lasting(response: Response) -> bool:
    """Whether the same request would get the same answer again: it is kept."""
    return response.problem is None or response.problem.code != "unavailable"


def _known(verb: str) -> Verb:
    if verb in VERBS:
        return VERBS[verb]
    near = tuple(get_close_matches(verb[:100], VERBS, n=2)) or tuple(VERBS)
    raise CommandError("not_found", "there is no such request", near)


def _read(payload: bytes, kind: type[Body]) -> Any:  # such a body, with its id
    if len(payload) > LARGEST:
        raise CommandError("invalid", f"a request has at most {LARGEST} bytes")
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.ValidationError as error:
        raise CommandError("invalid", f"the request is not right: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CommandError("invalid", "the request is not JSON") from None


def _id_of(payload: bytes) -> str | None:
    """The id of a request that is not right in another way."""
    try:
        return msgspec.json.decode(payload[:LARGEST], type=_Named).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _ours(problem: Problem) -> Problem:
    """The control API calls an id by the name of its header."""
    return msgspec.structs.replace(problem, message=problem.message.replace("Idempotency-Key", "id"))
