"""The signature: whoever has the secret can tell that a request is ours, and that nobody has changed it."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from orderferry import Secret
from orderferry.http import Request, Send

HEADER = "X-Signature"


def signature(secret: str, method: str, path: str, body: bytes) -> str:
    """The header's value; `path` is percent-encoded, as it stands in the request."""
    signed = f"{method}\n{path}\n".encode() + body
    return f"sha256={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class Signed:
    """Signs every request."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    async def sign(self, request: Request, send: Send) -> None:  # noqa: ARG002 - needs no request of its own
        """Adds the signature."""
        path = urlsplit(request.url).path or "/"
        request.headers[HEADER] = signature(self._secret.reveal(), request.method, path, request.body or b"")

    async def refused(self, request: Request, send: Send) -> bool:  # noqa: ARG002 - the same secret again is no help
        """A second try would be refused as well."""
        return False
