"""What a seller writes about his own program in config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from orderferry import Secret, Settings, Url


class OrderHookSettings(Settings, frozen=True, kw_only=True):
    """`url` is where the seller's program answers; `secret` signs what it is sent."""

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"url": "the address of your program", "secret": "a long random text that your program knows too"}
    )

    url: Url
    secret: Secret
