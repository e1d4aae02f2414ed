"""GraphQL over HTTP: what an answer by 200 means, and waiting for points."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from msgspec import Struct

from orderferry import NeedsLogin, PlatformError, RateLimited, Rejected, Secret, Unavailable, Unsure, Url
from orderferry.graphql import Cost, GraphQL, Operation, Points
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.example import TinySettings, TinyShop
from orderferry.testing.graphql import InvalidDocument, Schema
from orderferry.testing.simulator import Simulator


class Data(Struct):
    thing: str


READ = Operation("query Thing($id: ID!) { thing(id: $id) }", Data)
CHANGE = Operation("mutation MakeThing($id: ID!) { thing(id: $id) }", Data)
GOOD = {"data": {"thing": "here"}}


class Endpoint(Simulator):
    """Answers whatever the test has put there."""

    answer: Any = GOOD

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/graphql", self._say)]

    async def _say(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return web.json_response(self.answer)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with Endpoint() as simulator:
        yield simulator


@pytest.fixture
async def graphql(endpoint: Endpoint, open_account: OpenAccount) -> GraphQL:
    account = open_account(TinyShop, TinySettings(url=Url(endpoint.url), secret=Secret("unused")))
    return GraphQL(account.http(endpoint.url), "/graphql", account.clock)


def failed(code: str | None, **more: Any) -> dict[str, Any]:
    return {"errors": [{"message": "no", "extensions": {"code": code}}], **more}


def cost(requested: float, available: float, rate: float = 50) -> dict[str, Any]:
    bucket = {"maximumAvailable": 1000, "currentlyAvailable": available, "restoreRate": rate}
    return {"cost": {"requestedQueryCost": requested, "actualQueryCost": 1, "throttleStatus": bucket}}


@pytest.mark.parametrize(
    ("answer", "of_a_read", "of_a_change"),
    [
        (failed("ACCESS_DENIED"), NeedsLogin, NeedsLogin),
        (failed("ACCESS_DENIED", data={"thing": None}), NeedsLogin, NeedsLogin),
        (failed("ACCESS_DENIED", data={"thing": "half"}), NeedsLogin, Unsure),
        (failed("THROTTLED"), RateLimited, RateLimited),
        (failed("THROTTLED", data={"thing": "half"}), RateLimited, Unsure),
        (failed("INTERNAL_SERVER_ERROR"), Unavailable, Unsure),
        (failed("INTERNAL_SERVER_ERROR", data=None), Unavailable, Unsure),
        (failed("undefinedField"), Rejected, Rejected),
        (failed(None), Rejected, Rejected),
        (failed("SOMETHING_NEW", data={"thing": None}), Unavailable, Unsure),
        ({"errors": [{"message": "no"}], "data": None}, Unavailable, Unsure),
        ({}, Unavailable, Unsure),
        ({"data": {"other": 1}}, Unavailable, Unsure),
        ({"data": None}, Unavailable, Unsure),
        ("text", Unavailable, Unsure),
    ],
)
async def test_an_answer_by_200_may_be_a_failure(
    endpoint: Endpoint, graphql: GraphQL, answer: Any, of_a_read: type[PlatformError], of_a_change: type[PlatformError]
) -> None:
    """Only what says that nothing was done may let a change be sent again, or end it."""
    endpoint.answer = answer
    for operation, kind in ((READ, of_a_read), (CHANGE, of_a_change)):
        with pytest.raises(PlatformError) as raised:
            await graphql.ask(operation, id="1")
        assert type(raised.value) is kind


async def test_a_good_answer_is_its_data(endpoint: Endpoint, graphql: GraphQL) -> None:
    assert (await graphql.ask(READ, id="1")).thing == "here"
    assert json.loads(endpoint.served[0].body) == {
        "query": READ.document,
        "operationName": "Thing",
        "variables": {"id": "1"},
    }


async def test_a_throttled_request_says_how_long_the_bucket_needs(endpoint: Endpoint, graphql: GraphQL) -> None:
    endpoint.answer = failed("THROTTLED", extensions=cost(400, 100))
    with pytest.raises(RateLimited) as raised:
        await graphql.ask(CHANGE, id="1")
    assert raised.value.retry_after == (400 - 100) / 50


async def test_a_request_waits_until_there_are_points_for_it(
    endpoint: Endpoint, graphql: GraphQL, open_account: OpenAccount
) -> None:
    clock: VirtualClock = open_account.clock
    waits = []
    for available in (350, 50, 1000):
        endpoint.answer = {**GOOD, "extensions": cost(300, available)}
        began = clock.monotonic()
        await clock.run(graphql.ask(READ, id="1"))
        waits.append(clock.monotonic() - began)
    assert waits == [0, 0, pytest.approx((300 - 50) / 50)]


async def test_requests_at_once_do_not_spend_the_same_points() -> None:
    clock = VirtualClock()
    points = Points(clock)
    await points.take("Thing")  # nothing is known yet
    points.learn("Thing", msgspec.convert(cost(300, 350)["cost"], Cost))
    ends = []

    async def take() -> None:
        await points.take("Thing")
        ends.append(clock.monotonic())

    await clock.run(asyncio.wait_for(asyncio.gather(take(), take(), take()), None))
    assert ends == [0, pytest.approx(5), pytest.approx(11)]


def test_a_document_names_its_operation() -> None:
    for document in ("{ thing }", "query { thing }", "subscription S { thing }"):
        with pytest.raises(ValueError, match="name"):
            Operation(document, Data)


SCHEMA = Schema("""
type QueryRoot { thing(id: ID!, how: Way): Thing things: [Thing!]! }
type Mutation { make(input: Wish!): Thing }
type Thing { name: String! inner(first: Int): Thing tags: [String!]! }
input Wish { name: String! parts: [Wish!] count: Int }
""")


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ('query A { thing(id: "1") { nam } }', {}),
        ('query A { thing(id: "1") }', {}),
        ('query A { thing(id: "1") { name { x } } }', {}),
        ('query A { thing(id: "1", who: "2") { name } }', {}),
        ("query A { thing { name } }", {}),
        ("query A { thing(id: $id) { name } }", {}),
        ("query A($id: ID!) { thing(id: $id) { name } }", {}),
        ("query A($id: ID!) { thing(id: $id) { name } }", {"id": 1}),
        ("query A { things { name } }", {"id": "1"}),
        ("query A { things { name } } query B { things { name } }", {}),
        ("query A { things { name }", {}),
        ("query A { things { ...F } }", {}),
        ("mutation A($w: Wish!) { make(input: $w) { name } }", {"w": {"name": "x", "colour": "red"}}),
        ("mutation A($w: Wish!) { make(input: $w) { name } }", {"w": {"count": 1}}),
        ("mutation A($w: Wish!) { make(input: $w) { name } }", {"w": {"name": "x", "count": True}}),
        ("mutation A($w: Wish!) { make(input: $w) { name } }", {"w": {"name": "x", "parts": [{}]}}),
    ],
)
def test_the_simulators_executor_refuses_what_its_schema_has_not(document: str, variables: dict[str, Any]) -> None:
    def never(**_: Any) -> None:
        raise AssertionError("it was carried out")

    with pytest.raises(InvalidDocument):
        SCHEMA.execute(document, variables, {"thing": never, "things": never, "make": never})


def test_the_simulators_executor_answers_what_was_asked_for() -> None:
    thing: dict[str, Any] = {"name": "a", "tags": ["x"]}
    thing["inner"] = lambda first=None: {"name": f"inner {first}", "tags": [], "inner": None}
    document = 'query A($n: Int) { one: thing(id: "\\"1\\"", how: FAST) { n: name tags inner(first: $n) { name } } }'
    asked: list[Any] = []

    def find(**arguments: Any) -> Any:
        asked.append(arguments)
        return thing

    answer = SCHEMA.execute(document, {"n": 3}, {"thing": find})
    assert asked == [{"id": '"1"', "how": "FAST"}]
    assert answer == {"one": {"n": "a", "tags": ["x"], "inner": {"name": "inner 3"}}}
