"""What a seller writes in config.toml for an Etsy account."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from orderferry import Duration, Secret, Settings, Url


class EtsySettings(Settings, frozen=True, kw_only=True):
    """`keystring`, `shared_secret` and `redirect_uri` belong to the seller's own app at Etsy.

    `ships_from` is the country (ISO 3166-1 alpha-2) whose carriers Etsy is asked for. `sweep_every` is how often all
    orders of the last 60 days are read again, for what Etsy's list of changes leaves out.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "keystring": "the keystring of your app at etsy.com/developers/your-apps",
            "shared_secret": "its shared secret",
            "redirect_uri": "one of the app's callback URLs, letter by letter",
            "ships_from": "the country that your parcels come from",
            "sweep_every": "how often all orders of the last 60 days are read again",
        }
    )

    api_url: Url = Url("https://openapi.etsy.com")
    auth_url: Url = Url("https://www.etsy.com/oauth/connect")
    keystring: str
    shared_secret: Secret
    redirect_uri: Url
    ships_from: str = "PL"
    sweep_every: Duration = Duration(hours=6)
