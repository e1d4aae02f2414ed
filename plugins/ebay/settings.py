"""What a seller writes in config.toml for an eBay account."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from orderferry import Duration, Secret, Settings, Url


class EbaySettings(Settings, frozen=True, kw_only=True):
    """`client_id` (App ID), `client_secret` (Cert ID) and `ru_name` belong to the seller's own keyset at eBay.

    `api_url` and `auth_url` change only for the sandbox. `recheck_every` is how often each open order is read by
    itself, for what the list of orders does not tell.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "client_id": "the App ID (Client ID) of your keyset at developer.ebay.com",
            "client_secret": "its Cert ID (Client Secret)",
            "ru_name": "its RuName (eBay Redirect URL name), under User Tokens",
            "api_url": "for the sandbox: https://api.sandbox.ebay.com",
            "auth_url": "for the sandbox: https://auth.sandbox.ebay.com/oauth2/authorize",
            "recheck_every": "how often each open order is read by itself",
        }
    )

    api_url: Url = Url("https://api.ebay.com")
    auth_url: Url = Url("https://auth.ebay.com/oauth2/authorize")
    client_id: str
    client_secret: Secret
    ru_name: str
    recheck_every: Duration = Duration(hours=2)
