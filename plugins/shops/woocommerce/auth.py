"""How requests prove who we are: HTTP Basic, or the key in the query where a host strips the header.

Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#authentication
"""

from __future__ import annotations

from orderferry.http import Auth, BasicAuth, Request, Send
from plugins.shops.woocommerce.settings import WooSettings


class KeyInQuery:
    """Key and secret as query parameters, which WooCommerce takes over https; error messages never carry the query."""

    def __init__(self, settings: WooSettings) -> None:
        self._settings = settings

    async def sign(self, request: Request, send: Send) -> None:  # noqa: ARG002 - needs no request of its own
        """Adds the two parameters."""
        request.query["consumer_key"] = self._settings.consumer_key.reveal()
        request.query["consumer_secret"] = self._settings.consumer_secret.reveal()

    async def refused(self, request: Request, send: Send) -> bool:  # noqa: ARG002 - the same key again is no help
        """A second try would be refused as well."""
        return False


def auth_of(settings: WooSettings) -> Auth:
    """The way in that the settings ask for."""
    if settings.key_in_query:
        return KeyInQuery(settings)
    return BasicAuth(settings.consumer_key.reveal(), settings.consumer_secret.reveal())
