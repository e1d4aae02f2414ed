"""GraphQL over an account's HTTP client: a request answered by 200 may have failed all the same, and this tells how.

What an answer with `errors` means (https://spec.graphql.org/October2021/#sec-Response-Format):

- the platform says that we ask too much (`THROTTLED`): `RateLimited`, with the time that the bucket needs to fill up
- it refuses us (`ACCESS_DENIED` ...): `NeedsLogin`
- it failed itself (`INTERNAL_SERVER_ERROR`, a timeout), or half of the answer is there: `Unsure` for a change,
  `Unavailable` for a read
- there is no `data`, so nothing was executed: `Rejected`

The `userErrors` inside `data` are the platform's own matter: they are left to its plugin.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from orderferry.errors import NeedsLogin, PlatformError, RateLimited, Rejected, Unavailable, Unsure

if TYPE_CHECKING:
    from orderferry.http import Http
    from orderferry.surroundings import Clock

T = TypeVar("T")

BUSY = frozenset({"THROTTLED"})
REFUSED = frozenset({"ACCESS_DENIED", "UNAUTHENTICATED", "UNAUTHORIZED", "FORBIDDEN", "SHOP_INACTIVE"})
FAILED = frozenset({"INTERNAL_SERVER_ERROR", "INTERNAL_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"})
LONGEST_HOLD = 60.0
HAIR = 1e-6
_NAMED = re.compile(r"\s*(query|mutation)\s+(\w+)")


class Operation(Generic[T]):
    """One document with one named operation, and the type of its `data`; `reads` is true for a query."""

    def __init__(self, document: str, answer: type[T]) -> None:
        named = _NAMED.match(document)
        if named is None:
            raise ValueError("a document begins with its one query or mutation, and the operation has a name")
        self.document = document
        self.reads = named[1] == "query"
        self.name = named[2]
        self.decoder = msgspec.json.Decoder(answer)


class Throttle(Struct, frozen=True, rename="camel"):
    """How full the platform's bucket of points is."""

    maximum_available: float
    currently_available: float
    restore_rate: float


class Cost(Struct, frozen=True, rename="camel"):
    """What a request costs, in points (https://shopify.dev/docs/api/usage/limits)."""

    requested_query_cost: float = 0
    throttle_status: Throttle | None = None


class _Extensions(Struct):
    cost: Cost | None = None


class _Code(Struct):
    code: str | None = None


class _Error(Struct):
    message: str = ""
    extensions: _Code | None = None

    @property
    def code(self) -> str:
        return (self.extensions and self.extensions.code) or ""


class _Answer(Struct):
    data: Raw | UnsetType = UNSET
    errors: list[_Error] = []
    extensions: _Extensions | None = None


_answer = msgspec.json.Decoder(_Answer)
_fields = msgspec.json.Decoder(dict[str, Raw])


class GraphQL:
    """One account's GraphQL endpoint; `path` is below the HTTP client's base address.

    Where the platform counts points, requests wait on the account's clock until the bucket holds what they will cost.
    """

    def __init__(self, http: Http, path: str, clock: Clock) -> None:
        self._http = http
        self._path = path
        self._points = Points(clock)

    async def ask(self, operation: Operation[T], **variables: Any) -> T:  # whatever msgspec can encode
        """Carries out the operation and answers its `data`; raises as this module says. A query may be repeated."""
        body = {"query": operation.document, "operationName": operation.name, "variables": variables}
        await self._points.take(operation.name)

        def decode(body: bytes) -> T:
            return self._decoded(operation, body)

        answer, _ = await self._http.fetch(
            "POST", self._path, decode, body=msgspec.json.encode(body), reads=operation.reads
        )
        return answer

    def _decoded(self, operation: Operation[T], body: bytes) -> T:
        answer = _answer.decode(body)
        cost = answer.extensions.cost if answer.extensions else None
        if cost is not None:
            self._points.learn(operation.name, cost)
        if answer.errors:
            raise failure(operation.name, answer.errors, answer.data, cost, reads=operation.reads)
        if answer.data is UNSET:
            raise ValueError("there is neither data nor an error in it")
        return operation.decoder.decode(answer.data)


class Points:
    """The platform's bucket of points as its answers tell it; holds nobody back before the first of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._throttle: Throttle | None = None
        self._left = 0.0
        self._at = 0.0
        self._costs: dict[str, float] = {}

    async def take(self, name: str) -> None:
        """Returns when the bucket holds what this operation cost last time."""
        while (wait := self._short(self._costs.get(name, 0.0))) > 0:
            await self._clock.sleep(wait)

    def learn(self, name: str, cost: Cost) -> None:
        """Takes in what an answer tells."""
        self._costs[name] = cost.requested_query_cost
        if cost.throttle_status is not None and cost.throttle_status.restore_rate > 0:
            self._throttle = cost.throttle_status
            self._left, self._at = cost.throttle_status.currently_available, self._clock.monotonic()

    def _short(self, cost: float) -> float:
        """The seconds until there are so many points; takes them and answers 0 where they are there."""
        throttle = self._throttle
        if throttle is None:
            return 0.0
        now = self._clock.monotonic()
        filled = self._left + (now - self._at) * throttle.restore_rate
        self._left, self._at = min(filled, throttle.maximum_available), now
        cost = min(cost, throttle.maximum_available)
        if self._left >= cost - HAIR:
            self._left -= cost
            return 0.0
        return (cost - self._left) / throttle.restore_rate


def failure(name: str, errors: list[_Error], data: Raw | UnsetType, cost: Cost | None, *, reads: bool) -> PlatformError:
    """The error that an answer with `errors` stands for."""
    codes = {error.code for error in errors}
    said = "; ".join(f"{error.message[:200]} ({error.code or 'no code'})" for error in errors[:3])
    text = f"{name} failed: {said}"
    if reads or not (codes & FAILED or _any_done(data)):
        if codes & BUSY:
            return RateLimited(text, retry_after=_until_filled(cost))
        if codes & REFUSED:
            return NeedsLogin(text)
        if data is UNSET and not codes & FAILED:
            return Rejected(text)
    return Unavailable(text) if reads else Unsure(text)


def _any_done(data: Raw | UnsetType) -> bool:
    """Whether any part of the operation has an answer: then an error beside it does not say that nothing was done."""
    if data is UNSET or bytes(data) == b"null":
        return False
    return any(bytes(part) != b"null" for part in _fields.decode(data).values())


def _until_filled(cost: Cost | None) -> float:
    throttle = cost.throttle_status if cost else None
    if cost is None or throttle is None or throttle.restore_rate <= 0:
        return 1.0
    short = min(cost.requested_query_cost, throttle.maximum_available) - throttle.currently_available
    return min(max(short / throttle.restore_rate, 0.1), LONGEST_HOLD)
