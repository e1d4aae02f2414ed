"""Commands that are sent twice under one key, and carried out once.

A client that lost the answer to a command sends it again with the same `Idempotency-Key` and gets the first answer.
The keys are kept in memory, for a day and up to a bound: a daemon that was restarted has forgotten them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256

from msgspec import Struct

from daemon.views import CommandError

DAY = 24 * 3600.0
MOST = 1000
LONGEST_KEY = 255


class Answer(Struct, frozen=True, kw_only=True):
    """A whole answer, ready to be sent."""

    status: int
    content_type: str
    body: bytes


class Kept(Struct, kw_only=True, eq=False):
    """The one who asked first, and his answer when it is there."""

    key: tuple[int, str]
    fingerprint: bytes
    made_at: float
    answer: asyncio.Future[Answer]


class Repeats:
    """Keys by user: two users never meet, even under the same key. `monotonic` tells the time in seconds."""

    def __init__(self, monotonic: Callable[[], float], *, keep: float = DAY, most: int = MOST) -> None:
        self._monotonic = monotonic
        self._keep = keep
        self._most = most
        self._kept: dict[tuple[int, str], Kept] = {}

    def find(self, uid: int, key: str, request: bytes) -> tuple[Kept, bool]:
        """The entry of this key, and whether it is new: then the caller carries the request out and settles it.

        `request` is all that makes the request what it is. Raises `CommandError` for a bad key, or for a key that
        came with another request.
        """
        if not key or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
            raise CommandError("invalid", f"an Idempotency-Key has 1 to {LONGEST_KEY} plain characters")
        self._forget_old()
        fingerprint = sha256(request).digest()
        kept = self._kept.get((uid, key))
        if kept is not None:
            if kept.fingerprint != fingerprint:
                raise CommandError("conflict", "this Idempotency-Key came before, with another request")
            return kept, False
        kept = Kept(
            key=(uid, key),
            fingerprint=fingerprint,
            made_at=self._monotonic(),
            answer=asyncio.get_running_loop().create_future(),
        )
        self._kept[kept.key] = kept
        return kept, True

    def settle(self, kept: Kept, answer: Answer) -> None:
        """Hands the answer to all who wait for it; a 503 is not kept, since it may go well later."""
        if not kept.answer.done():
            kept.answer.set_result(answer)
        if answer.status == 503:
            self._kept.pop(kept.key, None)

    def _forget_old(self) -> None:
        oldest = self._monotonic() - self._keep
        over = len(self._kept) - self._most + 1
        for kept in list(self._kept.values()):  # in the order in which they came
            if kept.made_at > oldest and over <= 0:
                return
            if kept.answer.done():
                del self._kept[kept.key]
                over -= 1
