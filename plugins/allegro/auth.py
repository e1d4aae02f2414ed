"""How an Allegro account logs in: the device flow once, afterwards refresh tokens that change with every use.

Allegro's refresh token is spent by its use; the old one works for 60 seconds more, so that a lost answer can be asked
for again (github.com/allegro/allegro-api issues 8321, 8670). Refreshing also ends the access token before it (9045).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from orderferry.oauth import BasicAuthHeader, BearerAuth, Flow, device, refresh

if TYPE_CHECKING:
    from orderferry import Account
    from plugins.allegro.settings import AllegroSettings


def bearer(account: Account[AllegroSettings]) -> BearerAuth:
    """Signs the account's requests."""
    auth_url, basic = str(account.settings.auth_url), application(account.settings)

    def renew(token: str, now: datetime) -> Flow:
        return refresh(auth_url, basic, token, now)

    return BearerAuth(account.tokens, account.clock, renew, f"orderferry login {account.name}")


def application(settings: AllegroSettings) -> BasicAuthHeader:
    """The credentials of the seller's application."""
    return BasicAuthHeader(settings.client_id, settings.client_secret.reveal())


def login(account: Account[AllegroSettings], refresh_token: str | None) -> Flow:
    """The flow of a login; with a `refresh_token` obtained elsewhere, one refresh is enough and nobody is asked."""
    settings, clock = account.settings, account.clock
    auth_url, basic = str(settings.auth_url), application(settings)
    if refresh_token is None:
        return device(auth_url, basic, settings.client_id, clock.now)
    return refresh(auth_url, basic, refresh_token, clock.now())
