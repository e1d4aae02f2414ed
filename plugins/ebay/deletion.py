"""For a seller who receives eBay's notices of deleted accounts with a script of his own: the answer to eBay's test."""

from __future__ import annotations

import hashlib


def challenge_response(challenge_code: str, verification_token: str, endpoint: str) -> str:
    """The `challengeResponse` that proves to eBay whose address it is; `endpoint` as it was entered, query left out.

    Source: developer.ebay.com/marketplace-account-deletion, "Verifying the validity of the endpoint".
    """
    return hashlib.sha256(f"{challenge_code}{verification_token}{endpoint}".encode()).hexdigest()
