"""How requests prove who we are: HTTP Basic with the key as the name, or the key in the query.

Source: https://devdocs.prestashop-project.org/8/webservice/tutorials/creating-access/
"""

from __future__ import annotations

from orderferry.http import Auth, BasicAuth, Request, Send
from plugins.shops.prestashop.settings import PrestaSettings


class KeyInQuery:
    """The key as a query parameter, for hosts that strip the header; error messages never carry the query."""

    def __init__(self, settings: PrestaSettings) -> None:
        self._settings = settings

    async def sign(self, request: Request, send: Send) -> None:  # noqa: ARG002 - needs no request of its own
        """Adds the parameter."""
        request.query["ws_key"] = self._settings.key.reveal()

    async def refused(self, request: Request, send: Send) -> bool:  # noqa: ARG002 - the same key again is no help
        """A second try would be refused as well."""
        return False


def auth_of(settings: PrestaSettings) -> Auth:
    """The way in that the settings ask for."""
    return KeyInQuery(settings) if settings.key_in_query else BasicAuth(settings.key.reveal(), "")
