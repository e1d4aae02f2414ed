"""How an Etsy account logs in: a code with PKCE once, afterwards refresh tokens that change with every use.

The access token is good for an hour, the refresh token for 90 days (developers.etsy.com, "Authentication").
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from orderferry.oauth import BearerAuth, Flow, PublicClient, refresh
from orderferry.oauth_code import CodeServer, code, new_secret

if TYPE_CHECKING:
    from orderferry import Account
    from plugins.etsy.settings import EtsySettings

SCOPES: Final = ("transactions_r", "transactions_w", "shops_r")


def bearer(account: Account[EtsySettings]) -> BearerAuth:
    """Signs the account's requests."""
    auth_url, app = token_place(account.settings), PublicClient(account.settings.keystring)

    def renew(token: str, now: datetime) -> Flow:
        return refresh(auth_url, app, token, now)

    return BearerAuth(account.tokens, account.clock, renew, f"orderferry login {account.name}")


def token_place(settings: EtsySettings) -> str:
    """The address below which tokens are given."""
    return f"{str(settings.api_url).rstrip('/')}/v3/public/oauth"


def login(account: Account[EtsySettings], refresh_token: str | None) -> Flow:
    """The flow of a login; with a `refresh_token` obtained elsewhere, one refresh is enough and nobody is asked."""
    settings, clock = account.settings, account.clock
    app = PublicClient(settings.keystring)
    if refresh_token is not None:
        return refresh(token_place(settings), app, refresh_token, clock.now())
    server = CodeServer(
        authorize_url=str(settings.auth_url),
        auth_url=token_place(settings),
        redirect_uri=str(settings.redirect_uri),
        scopes=SCOPES,
    )
    return code(server, app, clock.now, state=new_secret(), verifier=new_secret())
