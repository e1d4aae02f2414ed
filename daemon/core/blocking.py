"""Whose code keeps the event loop from running: from looks at it, taken ever again while it does not run.

Nobody is blamed on a single look: the loop may have been held up by something else, and have gone on that very moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

NAMED_AFTER = 0.7
SURE_AFTER = 0.4
HOPELESS_AFTER = 60.0

_OURS = ("daemon", "orderferry")


class Culprit(Struct, frozen=True):
    """A plugin's platform, and the account that it works for; empty where that can't be told."""

    platform: str
    account: str


class Block(Struct, frozen=True):
    """For how long the loop has not run, and for how long in a row the same culprit was found at it; in seconds."""

    seconds: float = 0.0
    culprit: Culprit | None = None
    blamed: float = 0.0

    def after(self, seconds: float, culprit: Culprit | None) -> Block:
        """So many seconds later the loop has still not run, and this is whose code was found."""
        again = culprit is not None and culprit == self.culprit
        return Block(self.seconds + seconds, culprit, self.blamed + seconds if again else 0.0)

    @property
    def named(self) -> Culprit | None:
        """Who is to be told to the seller."""
        return self.culprit if self.seconds >= NAMED_AFTER and self.blamed >= SURE_AFTER else None

    @property
    def hopeless(self) -> bool:
        """Whether only a new start helps."""
        return self.blamed >= HOPELESS_AFTER


def fair(elapsed: float, asked: float, waited: float) -> float:
    """How much of the time between two looks the loop may be blamed for.

    `asked` is how long the one who looks meant to sleep: where he slept far longer, the machine or the process stood
    still, and the loop with it. `waited` is how long the loop's thread was ready to run, but had no processor.
    """
    return max(min(elapsed, 2 * asked) - waited, 0.0)


def plugin_of(modules: Sequence[str], packages: Mapping[str, str]) -> str | None:
    """The platform whose code is running; `modules` are those of the calls, the innermost first.

    `packages` are the plugins' packages with their platforms. Libraries are passed over, since they work for whoever
    calls them; where our own code comes first no plugin is to blame, though one may wait for it further out.
    """
    for module in modules:
        for package, platform in packages.items():
            if module == package or module.startswith(f"{package}."):
                return platform
        if module.partition(".")[0] in _OURS:
            return None
    return None
