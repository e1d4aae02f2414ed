"""What a seller writes in config.toml for an Amazon account."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from orderferry import Duration, Secret, Settings, Url
from plugins.amazon.marketplaces import EUROPEAN_UNION, named


class AmazonSettings(Settings, frozen=True, kw_only=True):
    """`client_id` and `client_secret` belong to the seller's own application in the Solution Provider Portal.

    `marketplaces` are the countries whose orders are fetched. `carrier_codes` says how Amazon spells a carrier, where
    the plugin's own table does not know better. `sweep_every` is how often the orders of the last days are listed a
    second way. `api_url` and `auth_url` change only for tests.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "client_id": "the LWA client identifier of your application (Solution Provider Portal > View)",
            "client_secret": "its LWA client secret",
            "marketplaces": 'the countries you sell in, such as ["DE", "PL"]',
            "sweep_every": "how often the orders of the last days are listed a second way",
        }
    )

    client_id: str
    client_secret: Secret
    marketplaces: tuple[str, ...] = EUROPEAN_UNION
    carrier_codes: Mapping[str, str] = {}
    sweep_every: Duration = Duration(hours=6)
    api_url: Url = Url("https://sellingpartnerapi-eu.amazon.com")
    auth_url: Url = Url("https://api.amazon.com/auth/o2")

    def __post_init__(self) -> None:
        named(self.marketplaces)
