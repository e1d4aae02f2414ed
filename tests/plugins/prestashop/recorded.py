"""The recorded exchanges with a real shop, for the tests that read them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

FOLDER = Path(__file__).parents[3] / "../shared/recordings/prestashop"
NEEDED = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not beside this checkout")

Exchange = dict[str, Any]


@cache
def recording(name: str) -> dict[str, Any]:
    """The file whose name begins so; an empty one where there are no recordings."""
    found = sorted(FOLDER.glob(f"{name}*.json"))
    content: dict[str, Any] = json.loads(found[0].read_text()) if found else {"exchanges": []}
    return content


def exchanges(name: str) -> list[Exchange]:
    found: list[Exchange] = recording(name)["exchanges"]
    return found


def case(name: str, which: str) -> Exchange:
    """The exchange of this case."""
    return next(exchange for exchange in exchanges(name) if exchange.get("case") == which)


def path_of(exchange: Exchange) -> str:
    return urlsplit(str(exchange["request"]["url"])).path.removeprefix("/api/")


def query_of(exchange: Exchange) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(exchange["request"]["url"]).query))


def sent(exchange: Exchange) -> bytes:
    return str(exchange["request"].get("body_text") or "").encode()


def answered(exchange: Exchange) -> bytes:
    return str(exchange["response"].get("body_text") or "").encode()


def entries(exchange: Exchange) -> list[dict[str, Any]]:
    """The entries of a list that was answered as JSON; an empty one is `[]` there."""
    body = exchange["response"]["body"]
    if isinstance(body, list):
        return body
    (found,) = body.values()
    return list(found)
