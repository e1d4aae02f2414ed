"""What a broker is told of the journal: from which row on, and how long to wait before it is tried again.

The journal on disk is the queue, so nothing waits in memory while a broker is away. What is older than a week, or more
than a hundred thousand rows back, is told no more.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

LONGEST_AWAY = timedelta(days=7)
MOST_ROWS = 100_000

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


class Backlog(Struct, frozen=True, kw_only=True):
    """The rows that a broker has not taken yet, by their ids.

    `position` is the last one that it took, `newest` the journal's last. `crowded` is the last that has MOST_ROWS or
    more behind it, `fresh` the first that is not older than LONGEST_AWAY; both are looked for behind the position, and
    None where there is none.
    """

    position: int
    newest: int
    crowded: int | None = None
    fresh: int | None = None

    @property
    def resume(self) -> int:
        """The row to go on behind: the position, unless what follows it is too old or too much."""
        if self.position >= self.newest:
            return self.newest
        too_old = self.newest if self.fresh is None else self.fresh - 1
        return max(self.position, too_old, self.crowded or 0)


def pause(tries: int, draw: float) -> float:
    """Seconds before the next try, after so many that failed in a row (1 or more); `draw` is from 0 to 1."""
    longest = min(FIRST_PAUSE * (1 << min(tries - 1, 16)), LONGEST_PAUSE)
    return longest * (0.5 + draw / 2)
