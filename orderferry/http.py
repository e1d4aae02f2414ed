"""The account's HTTP client: it speaks to one platform, and turns whatever happens into the contract's errors.

What matters most is decided here: whether a request that changes something was certainly not applied (`Unavailable`,
`Rejected`, `NeedsLogin`), or may have been (`Unsure`). The rules:

- nothing was sent (name not found, refused, TLS failed, connecting took too long): `Unavailable`
- 429, or a block of our own that still runs: `RateLimited`; a 408, 409, 425 or 429 without a word from the platform may
  come from something in front of it, so a change is then `Unsure`
- any other 4xx in which the platform itself speaks: not applied, 401 and 403 as `NeedsLogin`, else `Rejected`
- a lost, late, oversized or unreadable answer, a 5xx, or a 4xx in which it does not speak: `Unsure` for a change,
  `Unavailable` for a read
- a redirect is never followed for a change, and for a read only within the same origin
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from orderferry.errors import NeedsLogin, PlatformError, RateLimited, Rejected, Unavailable, Unsure

if TYPE_CHECKING:
    from orderferry.platform import Clock, Log

T = TypeVar("T")

READS = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_WAIT = 3600.0
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


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer: header names in lower case, the body read and decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

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
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = session
        self._clock = clock
        self._log = log
        self._auth = auth
        self._limits = limits or Limits()
        self._headers = {"User-Agent": "orderferry", "Accept": "application/json", **(headers or {})}
        self._explain = explain or nothing
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
            if self._bucket is not None:
                await self._bucket.take()
            self._check_hold()
            response = await self._signed(request, reads=reads)
        if not 200 <= response.status < 300:
            raise self._failure(request, response, reads=reads)
        try:
            return decode(response.body), response
        except PlatformError:
            raise
        except (ValueError, msgspec.MsgspecError) as error:
            start = response.body[:60].decode("utf-8", "replace")
            doubt = f"{self._where(request)} answered {response.status} with a body that can't be read"
            raise _doubt(f"{doubt} ({_sentence(error)}); it begins {start!r}", reads=reads) from error

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
                body = await _read(answer, self._limits.max_bytes)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Response(status=answer.status, headers=headers, body=body)
        except TooLarge:
            limit = self._limits.max_bytes // (1024 * 1024)
            raise _doubt(f"{where} answered more than {limit} MiB, which no order needs", reads=reads) from None
        except aiohttp.ClientConnectorCertificateError as error:
            why = _sentence(error.certificate_error)
            raise Unavailable(f"{where}: the server's certificate is not valid for it ({why})") from error
        except (aiohttp.ClientError, OSError, TimeoutError, ssl.SSLError, ValueError) as error:
            if not sent.began:
                raise Unavailable(f"{where} can't be reached: {_sentence(error)}") from error
            raise _doubt(f"{where} did not answer whole: {_sentence(error)}", reads=reads) from error

    def _failure(self, request: Request, response: Response, *, reads: bool) -> PlatformError:
        status = response.status
        said = self._explain(response.body)
        where = self._where(request)
        text = f"{where} answered {status}" + (f": {said}" if said else "")
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("location", "")).netloc or "another page"
            return Unavailable(f"{where} sends us on to {target} ({status}); put the final address into config.toml")
        if status == 429 and (reads or said or response.retry_after):
            wait = parse_retry_after(response.retry_after, self._clock.now()) or self._limits.backoff
            self._held_until = max(self._held_until, self._clock.monotonic() + wait)
            return RateLimited(f"{text}; waiting {wait:.0f} s", retry_after=wait)
        if status in {401, 403} and (reads or said):
            return NeedsLogin(text)
        if status in VAGUE and not said:
            return _doubt(text, reads=reads)
        if 400 <= status < 500 and said:
            return Rejected(text)
        if 400 <= status < 500 and reads:
            return Rejected(text)
        doubt = _doubt(text, reads=reads)
        if isinstance(doubt, Unavailable):
            doubt.retry_after = parse_retry_after(response.retry_after, self._clock.now())
        return doubt

    def _check_hold(self) -> None:
        wait = self._held_until - self._clock.monotonic()
        if wait > 0:
            raise RateLimited(f"{self.base_url} asked us to wait {wait:.0f} s more", retry_after=wait)

    def _where(self, request: Request) -> str:
        return f"{request.method} {request.url.removeprefix(self.base_url) or '/'} at {urlsplit(self.base_url).netloc}"


class Bucket:
    """A token bucket on the account's clock: `per_minute` requests, of which a tenth may come in one burst."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._rate = per_minute / 60
        self._size = max(1.0, per_minute / 10)
        self._tokens = self._size
        self._clock = clock
        self._at = clock.monotonic()

    async def take(self) -> None:
        """Returns when a request may go."""
        while True:
            now = self._clock.monotonic()
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens >= 1:
                self._tokens -= 1
                return
            await self._clock.sleep((1 - self._tokens) / self._rate)


class Sent:
    """Whether the first byte of a request may have left."""

    __slots__ = ("began",)

    def __init__(self) -> None:
        self.began = False


class TooLarge(Exception):  # noqa: N818 - a signal between two functions of this file
    """The body is over the limit."""


def open_session() -> aiohttp.ClientSession:
    """A session for one account: no cookies, no proxy from the environment, a mark when a request begins to leave."""
    trace = aiohttp.TraceConfig()

    async def on_headers(session: aiohttp.ClientSession, context: Any, params: Any) -> None:  # noqa: ARG001 - aiohttp's own loosely typed signature
        cast("Sent", context.trace_request_ctx).began = True

    trace.on_request_headers_sent.append(on_headers)
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        trace_configs=[trace],
        connector=aiohttp.TCPConnector(limit=64, ttl_dns_cache=60),
        auto_decompress=True,
    )


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    length = answer.content_length
    if length is not None and length > limit:
        raise TooLarge
    whole = bytearray()
    async for chunk in answer.content.iter_any():
        whole += chunk
        if len(whole) > limit:
            raise TooLarge
    return bytes(whole)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or an HTTP date), at most an hour; None if it says nothing."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdigit() else (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _doubt(text: str, *, reads: bool) -> PlatformError:
    return Unavailable(text) if reads else Unsure(text)


def _sentence(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:200]


def nothing(body: bytes) -> None:
    """A `decode` for answers whose body does not matter."""
