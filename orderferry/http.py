"""The account's HTTP client: it speaks to one platform, and turns whatever happens into the contract's errors.

What matters most is decided here: whether a request that changes something was certainly not applied (`Unavailable`,
`Rejected`, `NeedsLogin`), or may have been (`Unsure`). The rules:

- nothing was sent (name not found, refused, TLS failed, connecting took too long): `Unavailable`
- 429, or a block of our own that still runs: `RateLimited`; a 408, 409, 425 or 429 without a word from the platform may
  come from something in front of it, so a change is then `Unsure`
- any other 4xx in which the platform itself speaks: not applied, 401 and 403 as `NeedsLogin`, else `Rejected`
- a lost, late, oversized or unreadable answer, a 5xx, or a 4xx in which it does not speak: `Unsure` for a change,
  `Unavailable` for a read
- a redirect is never followed for a change, and for a read only within the same origin; a change that was answered by
  "see there" (302, 303) may have been applied, one that was answered by "it lives there" (301, 307, 308) was not
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from orderferry.errors import Malformed, NeedsLogin, PlatformError, RateLimited, Rejected, Unavailable, Unsure
from orderferry.meter import UNMEASURED, Ending, Meter, Waiting, ending_of
from orderferry.pace import Bucket, parse_retry_after
from orderferry.session import READS, Sent, TooLarge, read_whole, sentence_of

if TYPE_CHECKING:
    from orderferry.surroundings import Clock, Log

T = TypeVar("T")

HOPS = 3
MOVED = frozenset({301, 307, 308})
VAGUE = frozenset({408, 409, 425, 429})  # without a body of the platform's own these may come from a proxy


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How gently the platform is to be asked: all figures are for one account.

    `backoff` is how many seconds a 429 without Retry-After holds the account back.
    """

    concurrency: int = 4
    per_minute: int | None = None
    connect: float = 10.0
    total: float = 60.0
    max_bytes: int = 16 * 1024 * 1024
    backoff: float = 60.0


class Request(msgspec.Struct, kw_only=True):
    """One request on its way; an `Auth` may add headers or query parameters to it."""

    method: str
    url: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes | None = None
    form: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url.partition('?')[0]})"  # no header, query or body: they hold secrets


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer: header names in lower case, the body read and decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"  # the body holds buyers' data

    @property
    def retry_after(self) -> str | None:
        """The Retry-After header as it came."""
        return self.headers.get("retry-after")


Send = Callable[[Request], Awaitable[Response]]
"""How an `Auth` sends requests of its own, such as a token refresh."""


class Auth(Protocol):
    """How requests prove who we are.

    `sign` prepares every request; `refused` is told of a 401 and answers whether to sign and send once more.
    """

    async def sign(self, request: Request, send: Send) -> None: ...
    async def refused(self, request: Request, send: Send) -> bool: ...


class BasicAuth:
    """HTTP Basic authentication."""

    def __init__(self, name: str, password: str) -> None:
        self.header = aiohttp.encode_basic_auth(name, password)

    async def sign(self, request: Request, send: Send) -> None:  # noqa: ARG002 - needs no request of its own
        """Adds the Authorization header."""
        request.headers["Authorization"] = self.header

    async def refused(self, request: Request, send: Send) -> bool:  # noqa: ARG002 - the same key again is no help
        """A second try would be refused as well."""
        return False


class Http:
    """One account's way to its platform; made by the daemon, closed with the account.

    `explain` reads the platform's own error message out of a body, or answers None when it does not speak there.
    `meter` is told of every request.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        clock: Clock,
        log: Log,
        auth: Auth | None = None,
        limits: Limits | None = None,
        headers: Mapping[str, str] | None = None,
        explain: Callable[[bytes], str | None] | None = None,
        meter: Meter = UNMEASURED,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = session
        self._clock = clock
        self._log = log
        self._auth = auth
        self._limits = limits or Limits()
        self._headers = {"User-Agent": "orderferry", "Accept": "application/json", **(headers or {})}
        self._explain = explain or nothing
        self._meter = meter
        self._gate = asyncio.Semaphore(self._limits.concurrency)
        self._bucket = Bucket(self._limits.per_minute, clock) if self._limits.per_minute else None
        self._held_until = 0.0
        self._timeout = aiohttp.ClientTimeout(
            total=self._limits.total, connect=self._limits.connect, sock_connect=self._limits.connect
        )

    async def get(self, path: str, decode: Callable[[bytes], T], *, query: Mapping[str, str] | None = None) -> T:
        """Reads; `decode` turns the body into a value and raises ValueError where it can't."""
        return (await self.fetch("GET", path, decode, query=query))[0]

    async def send(
        self,
        method: str,
        path: str,
        decode: Callable[[bytes], T],
        *,
        json: Any = None,  # whatever msgspec can encode
        query: Mapping[str, str] | None = None,
    ) -> T:
        """Changes something there; a body that `decode` refuses leaves a doubt and raises `Unsure`."""
        body = None if json is None else msgspec.json.encode(json)
        return (await self.fetch(method, path, decode, body=body, query=query))[0]

    async def fetch(
        self,
        method: str,
        path: str,
        decode: Callable[[bytes], T],
        *,
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        reads: bool | None = None,
    ) -> tuple[T, Response]:
        """Sends one request and answers the decoded body with the whole response; every failure is a `PlatformError`.

        `reads` says whether it only reads, where the method does not tell (a POST that searches). `path` is below the
        base address.
        """
        reads = method in READS if reads is None else reads
        content = {"Content-Type": "application/json"} if body is not None else {}
        request = Request(
            method=method,
            url=self.base_url + path,
            query=dict(query or {}),
            headers={**self._headers, **content, **(headers or {})},
            body=body,
        )
        self._check_hold()
        async with self._gate:
            if self._bucket is not None and (waited := await self._bucket.take()):
                self._meter.waited(Waiting.OWN_LIMIT, waited)
            self._check_hold()
            began, ending = self._clock.monotonic(), Ending.OK
            try:
                return await self._understood(request, decode, reads=reads)
            except BaseException as error:
                ending = ending_of(error)
                raise
            finally:
                self._meter.asked(ending, self._clock.monotonic() - began)

    async def _understood(self, request: Request, decode: Callable[[bytes], T], *, reads: bool) -> tuple[T, Response]:
        response = await self._followed(request, reads=reads)
        if not 200 <= response.status < 300:
            raise self._failure(request, response, reads=reads)
        try:
            return decode(response.body), response
        except Exception as error:
            if isinstance(error, PlatformError) and (reads or not isinstance(error, Malformed)):
                raise
            if reads and not isinstance(error, (ValueError, msgspec.MsgspecError, RecursionError)):
                raise  # a bug of the plugin; after a change it is a doubt none the less
            what = f"{self._where(request)} answered {response.status} with {_shape(response)} that can't be read"
            raise _doubt(f"{what} ({sentence_of(error)})", reads=reads) from error

    async def _signed(self, request: Request, *, reads: bool) -> Response:
        if self._auth is None:
            return await self._exchange(request, reads=reads)

        async def send(own: Request) -> Response:
            return await self._exchange(own, reads=True)

        await self._auth.sign(request, send)
        response = await self._exchange(request, reads=reads)
        if response.status == 401 and await self._auth.refused(request, send):
            await self._auth.sign(request, send)
            response = await self._exchange(request, reads=reads)
        return response

    async def _followed(self, request: Request, *, reads: bool) -> Response:
        response = await self._signed(request, reads=reads)
        for _ in range(HOPS):
            if not 300 <= response.status < 400 or request.method not in READS:
                break
            target = _join(request, response)
            if target is None or target.origin() != URL(request.url).origin():
                break
            request.url, request.query = str(target), {}
            response = await self._signed(request, reads=reads)
        return response

    async def _exchange(self, request: Request, *, reads: bool) -> Response:
        sent = Sent()
        where = self._where(request)
        try:
            async with self._session.request(
                request.method,
                URL(request.url).update_query(request.query) if request.query else URL(request.url),
                data=request.form if request.form is not None else request.body,
                headers=request.headers,
                timeout=self._timeout,
                allow_redirects=False,
                trace_request_ctx=sent,
            ) as answer:
                body = await read_whole(answer, self._limits.max_bytes)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Response(status=answer.status, headers=headers, body=body)
        except TooLarge:
            limit = self._limits.max_bytes // (1024 * 1024)
            raise _doubt(f"{where} answered more than {limit} MiB, which no order needs", reads=reads) from None
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "") or "no reason given"
            raise Unavailable(f"{where}: the server's certificate is refused: {why}") from error
        except (aiohttp.ClientError, OSError, TimeoutError, ssl.SSLError, ValueError) as error:
            if not sent.began:
                raise Unavailable(f"{where} can't be reached: {sentence_of(error)}") from error
            raise _doubt(f"{where} did not answer whole: {sentence_of(error)}", reads=reads) from error

    def _failure(self, request: Request, response: Response, *, reads: bool) -> PlatformError:
        status = response.status
        said = self._said(response.body)
        where = self._where(request)
        text = f"{where} answered {status}" + (f": {said}" if said else "")
        if 300 <= status < 400:
            target = _join(request, response)
            host = target.host if target is not None else "another page"
            moved = f"{where} sends us on to {host} ({status}); put the final address into config.toml"
            return Unavailable(moved) if status in MOVED else _doubt(moved, reads=reads)
        if status == 429 and (reads or said or response.retry_after):
            wait = parse_retry_after(response.retry_after, self._clock.now()) or self._limits.backoff
            self._held_until = max(self._held_until, self._clock.monotonic() + wait)
            self._meter.waited(Waiting.PLATFORM, wait)
            return RateLimited(f"{text}; waiting {wait:.0f} s", retry_after=wait)
        if status in {401, 403} and (reads or said):
            return NeedsLogin(text)
        if status in VAGUE and not said:
            return _doubt(text, reads=reads)
        if 400 <= status < 500 and said:
            return Rejected(text, status=status)
        if 400 <= status < 500 and reads:
            return Rejected(text, status=status)
        doubt = _doubt(text, reads=reads)
        if isinstance(doubt, Unavailable):
            doubt.retry_after = parse_retry_after(response.retry_after, self._clock.now())
        return doubt

    def _said(self, body: bytes) -> str | None:
        try:
            return self._explain(body)
        except Exception:  # noqa: BLE001 - whatever is wrong with the plugin's reading, the status still decides
            return None

    def _check_hold(self) -> None:
        wait = self._held_until - self._clock.monotonic()
        if wait > 0:
            raise RateLimited(f"{self.base_url} asked us to wait {wait:.0f} s more", retry_after=wait)

    def _where(self, request: Request) -> str:
        return f"{request.method} {request.url.removeprefix(self.base_url) or '/'} at {urlsplit(self.base_url).netloc}"


def _doubt(text: str, *, reads: bool) -> PlatformError:
    return Unavailable(text) if reads else Unsure(text)


def _join(request: Request, response: Response) -> URL | None:
    try:
        target = URL(request.url).join(URL(response.headers.get("location", "")))
    except ValueError:
        return None
    return target if target.host and str(target) != request.url else None


def _shape(response: Response) -> str:
    """What the body looks like, without telling what is in it: a page's first words at the most."""
    start = response.body[:60].decode("utf-8", "replace")
    return f"a page ({start!r})" if start.startswith("<") else f"{len(response.body)} bytes"


def nothing(body: bytes) -> None:
    """A `decode` for answers whose body does not matter."""
