"""What a seller writes in config.toml for an eBay account."""

from __future__ import annotations

from orderferry import Duration, Secret, Settings, Url


class EbaySettings(Settings, frozen=True, kw_only=True):
    """`client_id` (App ID), `client_secret` (Cert ID) and `ru_name` belong to the seller's own keyset at eBay.

    `api_url` and `auth_url` change only for the sandbox. `recheck_every` is how often each open order is read by
    itself, for what the list of orders does not tell.
    """

    api_url: Url = Url("https://api.ebay.com")
    auth_url: Url = Url("https://auth.ebay.com/oauth2/authorize")
    client_id: str
    client_secret: Secret
    ru_name: str
    recheck_every: Duration = Duration(hours=2)
