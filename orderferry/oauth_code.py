"""OAuth's authorization-code flow, with the owner's browser and no web server of ours (RFC 6749 4.1, RFC 7636).

The owner opens an address, agrees there, and is sent on to an address of his own with a code in it: he copies that
address, or the code alone, back to us. `state` proves that the address belongs to this very login.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import msgspec

from orderferry.errors import NeedsLogin
from orderferry.oauth import Ask, Flow, OAuthClient, Show, granted, post_form, refusal

QUESTION = "Paste that address here (or only the code in it): "

_PARAMETER = re.compile(r"(?:^|[?&])(?:code|error|state)=")


class CodeServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where and for what a code is asked.

    `authorize_url` is the page for the owner; tokens are at `auth_url` + "/token". `redirect_uri` is what the platform
    knows the application's redirect by, which need not be an address (eBay's RuName).
    """

    authorize_url: str
    auth_url: str
    redirect_uri: str
    scopes: Sequence[str]


def new_secret() -> str:
    """A fresh text for `state` or `verifier`: 43 characters that no one can guess."""
    return secrets.token_urlsafe(32)


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def address(server: CodeServer, client_id: str, state: str, verifier: str | None) -> str:
    """The address that the owner opens; with a `verifier` it carries the challenge of PKCE."""
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": server.redirect_uri,
        "scope": " ".join(server.scopes),
        "state": state,
    }
    if verifier is not None:
        query |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
    return f"{server.authorize_url}?{urlencode(query)}"


def code_in(answer: str, state: str) -> str:
    """The code in what the owner pasted: the redirected address, its query, or the bare code.

    Raises `NeedsLogin` where the platform refused, or the address is of another login, or nothing is there.
    """
    text = answer.strip().strip("'\"<>")
    if not text:
        raise NeedsLogin("nothing was pasted; run `orderferry login` again")
    if "://" not in text and not _PARAMETER.search(text):
        return unquote(text)
    found = parse_qs(urlsplit(text).query or text.partition("?")[2] or text)
    if "error" in found:
        raise NeedsLogin(f"the login was refused on the platform's page ({found['error'][0][:100]})")
    given = found.get("state", [""])[0]
    if "code" not in found:
        raise NeedsLogin("there is no code in the pasted address; copy it whole, from the page after you have agreed")
    if given and not hmac.compare_digest(given.encode(), state.encode()):
        raise NeedsLogin(
            "the pasted address belongs to another login; run `orderferry login` again and use its address"
        )
    return found["code"][0]


def code(
    server: CodeServer,
    client: OAuthClient,
    now: Callable[[], datetime],
    *,
    state: str,
    verifier: str | None = None,
) -> Flow:
    """The whole flow: shows the address, asks for the code, and trades it for tokens. A code is good only once."""
    yield Show("Open this address, log in as the seller, and agree:")
    yield Show(address(server, client.client_id, state, verifier))
    yield Show("You are then sent on to another page. It may fail to load: its address is what counts.")
    answer = yield Ask(QUESTION)
    assert isinstance(answer, str)  # noqa: S101 - an Ask is always answered by text
    form = {
        "grant_type": "authorization_code",
        "code": code_in(answer, state),
        "redirect_uri": server.redirect_uri,
    }
    if verifier is not None:
        form["code_verifier"] = verifier
    response = yield from post_form(f"{server.auth_url}/token", client, form)
    if response.status in {400, 401}:
        raise NeedsLogin(f"the code is not taken ({refusal(response)}); run `orderferry login` again and be quick")
    return granted(response, now(), previous=None)
