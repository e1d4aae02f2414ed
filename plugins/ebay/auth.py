"""How an eBay account logs in: a code from eBay's consent page once, afterwards a refresh token that stays the same.

The access token is good for 2 hours, the refresh token for about 18 months; no refresh prolongs it
(developer.ebay.com, "Using a refresh token to update a User access token"). The redirect is named by the RuName.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from orderferry.oauth import BasicAuthHeader, BearerAuth, Flow, refresh
from orderferry.oauth_code import CodeServer, code, new_secret

if TYPE_CHECKING:
    from orderferry import Account
    from plugins.ebay.settings import EbaySettings

SCOPES: Final = ("https://api.ebay.com/oauth/api_scope/sell.fulfillment",)
WARN_BEFORE: Final = timedelta(days=45)


def bearer(account: Account[EbaySettings]) -> BearerAuth:
    """Signs the account's requests."""
    auth_url, keyset = token_place(account.settings), application(account.settings)

    def renew(token: str, now: datetime) -> Flow:
        return refresh(auth_url, keyset, token, now)

    return BearerAuth(account.tokens, account.clock, renew, f"orderferry login {account.name}")


def application(settings: EbaySettings) -> BasicAuthHeader:
    """The credentials of the seller's keyset."""
    return BasicAuthHeader(settings.client_id, settings.client_secret.reveal())


def token_place(settings: EbaySettings) -> str:
    """The address below which tokens are given."""
    return f"{str(settings.api_url).rstrip('/')}/identity/v1/oauth2"


def login(account: Account[EbaySettings], refresh_token: str | None) -> Flow:
    """The flow of a login; with a `refresh_token` obtained elsewhere, one refresh is enough and nobody is asked."""
    settings, clock = account.settings, account.clock
    keyset = application(settings)
    if refresh_token is not None:
        return refresh(token_place(settings), keyset, refresh_token, clock.now())
    server = CodeServer(
        authorize_url=str(settings.auth_url),
        auth_url=token_place(settings),
        redirect_uri=settings.ru_name,
        scopes=SCOPES,
    )
    return code(server, keyset, clock.now, state=new_secret())


def ending(name: str, refresh_ends: datetime | None, now: datetime) -> tuple[str, ...]:
    """A note for the seller when the login is about to end; only he can renew it."""
    if refresh_ends is None or refresh_ends - now > WARN_BEFORE:
        return ()
    return (f"The login ends on {refresh_ends:%Y-%m-%d}, and only you can renew it: run `orderferry login {name}`.",)
