"""What a seller writes in config.toml for an Allegro account."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from orderferry import Duration, Secret, Settings, Url


class AllegroSettings(Settings, frozen=True, kw_only=True):
    """`client_id` and `client_secret` belong to the seller's own application at apps.developer.allegro.pl.

    `api_url` and `auth_url` change only for the sandbox. `sweep_every` is how often the list of orders is compared with
    what the event journal has told.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "client_id": "the Client ID of your application (apps.developer.allegro.pl, without access to a browser)",
            "client_secret": "its Client Secret",
            "api_url": "for Allegro's sandbox: https://api.allegro.pl.allegrosandbox.pl",
            "auth_url": "for Allegro's sandbox: https://allegro.pl.allegrosandbox.pl/auth/oauth",
            "sweep_every": "how often the whole list is compared, in case an order was missed",
        }
    )

    api_url: Url = Url("https://api.allegro.pl")
    auth_url: Url = Url("https://allegro.pl/auth/oauth")
    client_id: str
    client_secret: Secret
    sweep_every: Duration = Duration(minutes=15)
