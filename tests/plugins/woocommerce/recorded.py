"""The recorded exchanges with a real shop, for the tests that read them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

FOLDER = Path(__file__).parents[3] / "../shared/recordings/woocommerce"
NEEDED = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not beside this checkout")
ROOT = "/wp-json/wc/v3"

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


def path_of(exchange: Exchange) -> str:
    return urlsplit(str(exchange["request"]["url"])).path


def query_of(exchange: Exchange) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(exchange["request"]["url"]).query))


def added(*names: str) -> list[Any]:
    """Every order that was really added in these recordings, as parameters of a test."""
    return [
        pytest.param(exchange, id=f"{name}-{place}")
        for name in names
        for place, exchange in enumerate(exchanges(name))
        if is_added(exchange)
    ]


def is_added(exchange: Exchange) -> bool:
    return (
        exchange["request"]["method"] == "POST"
        and path_of(exchange) == f"{ROOT}/orders"
        and exchange["response"]["status"] == 201
        and isinstance(exchange["request"].get("body"), dict)
    )
