"""An account's connections: a mark when a request begins to leave, and answers that are read up to a limit."""

from __future__ import annotations

import ssl
from typing import Any, cast

import aiohttp

READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Sent:
    """Whether the first byte of a request may have left."""

    began = False


class TooLarge(Exception):  # noqa: N818 - a signal to `orderferry.http` alone
    """The body is over the limit."""


async def once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keeps aiohttp from sending a PUT or a DELETE once more by itself when the connection broke."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method in READS:
            raise
        raise aiohttp.ClientConnectionError(sentence_of(error)) from error


def open_session(*, ca_file: str | None = None) -> aiohttp.ClientSession:
    """A session for one account: no cookies, no proxy from the environment, a mark when a request begins to leave.

    `ca_file` names the certificates (PEM) to trust instead of the system's: for a shop with a certificate of its own.
    """
    trace = aiohttp.TraceConfig()

    async def on_headers(session: aiohttp.ClientSession, context: Any, params: Any) -> None:  # noqa: ARG001 - aiohttp's own loosely typed signature
        cast("Sent", context.trace_request_ctx).began = True

    trace.on_request_headers_sent.append(on_headers)
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        trace_configs=[trace],
        connector=aiohttp.TCPConnector(
            limit=64, ttl_dns_cache=60, ssl=ssl.create_default_context(cafile=ca_file) if ca_file else True
        ),
        middlewares=[once],
        auto_decompress=True,
    )


async def read_whole(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, decompressed; raises `TooLarge` once it is over the limit."""
    length = answer.content_length
    if length is not None and length > limit:
        raise TooLarge
    whole = bytearray()
    async for chunk in answer.content.iter_any():
        whole += chunk
        if len(whole) > limit:
            raise TooLarge
    return bytes(whole)


def sentence_of(error: BaseException) -> str:
    """What happened, without the address: its query may hold a key."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return "connecting took too long"
        case aiohttp.ClientConnectorError():
            return str(error.os_error)[:200]
        case aiohttp.ClientResponseError():
            return error.message[:200]
        case aiohttp.InvalidURL():
            return "the address is not valid"
        case TimeoutError():
            return "it took too long"
        case _:
            return (str(error) or type(error).__name__)[:200]
