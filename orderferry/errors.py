"""What went wrong, said as what the daemon does next.

A hook raises one of these, and its class is the decision. Anything else that a hook raises counts as a bug of the
plugin: the job is tried a few times more and then parked with its traceback.
"""

from __future__ import annotations


class PlatformError(Exception):
    """The platform could not do what was asked."""

    def __str__(self) -> str:
        """The message; the class's own docstring where the raiser gave none."""
        return super().__str__() or (type(self).__doc__ or type(self).__name__).splitlines()[0]


class Unavailable(PlatformError):
    """The platform can't be asked just now, and nothing was changed there: the account is held and tried again.

    Raise it only where nothing was sent, or where the platform itself said that nothing was done. `retry_after` is in
    seconds; without it the daemon backs off by itself.
    """

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Unavailable):
    """The platform asks us to slow down: the whole account is held back."""


class Unsure(PlatformError):
    """The request may have been applied: its answer was lost, cut off, unreadable or a server error.

    Settled by look-up (`find_order`), never by sending again at once.
    """


class NeedsLogin(PlatformError):
    """The platform refuses our credentials or rights: the account pauses until its owner has acted."""


class Rejected(PlatformError):
    """The platform refused this very request for good: the job is parked and never retried by itself.

    `status` is the HTTP status where an answer said so: a plugin may know a better way on for a 404, 409 or 422.
    """

    def __init__(self, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Malformed(PlatformError, ValueError):
    """An order, or a part of one, can't be understood: it is kept raw and parked, and its neighbours go on."""
