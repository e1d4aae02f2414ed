"""What a mail server refused, at which step -> the contract's error.

The meaning of a code hangs on the step (RFC 5321, 4.3.2): a refused login or sender concerns every mail, a refused
receiver or content this mail alone.
"""

from __future__ import annotations

import re
from enum import StrEnum

from orderferry import NeedsLogin, PlatformError, RateLimited, Rejected, Unavailable, Unsure

_ADDRESS = re.compile(r"[^\s<>()\"',;:]+@[^\s<>()\"',;]+")
_LONGEST = 200
_LOGIN = frozenset({530, 534, 535, 538})  # RFC 4954, 6: authentication is required, too weak, or failed


class Step(StrEnum):
    """What the server was asked, in the order of a session."""

    GREETING = "greeting"
    LOGIN = "login"
    SENDER = "sender"
    RECEIVER = "receiver"
    CONTENT = "content"


def refused(step: Step, code: int, text: str, receiver: str = "") -> PlatformError:
    """The error for an answer that is not the one that was hoped for."""
    said = f"{code} {hidden(text, receiver)}".strip()
    if not 400 <= code <= 599:
        return _unclear(step, f"the mail server gave an answer that can't be understood ({said})")
    if code in _LOGIN:
        return NeedsLogin(f"the mail server refuses the login: {said}")
    match step:
        case Step.GREETING:
            return Unavailable(f"the mail server does not serve us now: {said}")
        case Step.LOGIN if code >= 500:
            return NeedsLogin(f"the mail server refuses the login: {said}")
        case Step.SENDER if code == 552:  # RFC 1870, 6.1: the message is larger than it takes
            return Rejected(f"the mail server refuses this mail: {said}")
        case Step.SENDER if code >= 500:
            return NeedsLogin(f"the mail server does not let us send as this sender: {said}")
        case Step.RECEIVER | Step.CONTENT if code >= 500:
            return Rejected(f"the mail server refuses this mail: {said}")
        case Step.RECEIVER | Step.CONTENT if code in {450, 451}:
            return Unavailable(f"the mail server does not take this mail yet: {said}")
        case _:
            return RateLimited(f"the mail server takes no mail just now: {said}")


def broken(step: Step, why: str) -> PlatformError:
    """The error for a connection that failed: from the content on, the server may have taken the mail."""
    return _unclear(step, f"the connection to the mail server failed ({why})")


def _unclear(step: Step, sentence: str) -> PlatformError:
    return Unsure(sentence) if step is Step.CONTENT else Unavailable(sentence)


def hidden(text: str, receiver: str) -> str:
    """A server's words without any address, and without the receiver's name in it."""
    words = _ADDRESS.sub("(address)", " ".join(text.split()))
    name = receiver.partition("@")[0]
    if name:
        words = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "(name)", words, flags=re.IGNORECASE)
    return "".join(letter for letter in words if letter.isprintable())[:_LONGEST]
