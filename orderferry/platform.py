"""The base of every platform, and the account that the daemon hands to it.

A platform subclasses `Platform`, declares its `capabilities`, and overrides the hooks that they stand for, each marked
with `@hookimpl`. The daemon makes one instance for each configured account. The methods below are the hooks' typed
specifications: mypy compares an override with them, pluggy its argument names, the loader the flags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from orderferry.capability import Capability
from orderferry.forward import (
    CheckReport,
    Choice,
    ChoiceKind,
    ForwardOrder,
    Mail,
    OrderRef,
    PaymentState,
    ProbeReport,
    Product,
    ProductKey,
    ShopOrder,
)
from orderferry.hooks import hookspec
from orderferry.model import Page, Parcel, Role
from orderferry.settings import Settings
from orderferry.surroundings import Clock, Log

if TYPE_CHECKING:
    from orderferry.http import Auth, Http, Limits
    from orderferry.oauth import AskOwner, TokenStore

SettingsT = TypeVar("SettingsT", bound=Settings)


class OpenHttp(Protocol):
    """How a plugin gets its HTTP client: see `orderferry.http.Http`."""

    def __call__(
        self,
        base_url: str,
        *,
        auth: Auth | None = None,
        limits: Limits | None = None,
        headers: Mapping[str, str] | None = None,
        explain: Callable[[bytes], str | None] | None = None,
    ) -> Http: ...


class Progress(Protocol):
    """What an `add_order` of several steps remembers between its tries."""

    @property
    def value(self) -> str | None:
        """What was saved last time, None on the first try."""

    async def save(self, text: str) -> None:
        """Returns when the text is on disk."""


class Account(Generic[SettingsT]):
    """One configured account, as its platform sees it.

    `tokens` keeps OAuth tokens sealed on disk. `reference_prefix` begins every reference of this installation: an order
    in a shop whose reference starts so was forwarded by us.
    """

    def __init__(
        self,
        *,
        name: str,
        role: Role,
        settings: SettingsT,
        http: OpenHttp,
        clock: Clock,
        log: Log,
        tokens: TokenStore,
        reference_prefix: str,
    ) -> None:
        self.name = name
        self.role = role
        self.settings = settings
        self.http = http
        self.clock = clock
        self.log = log
        self.tokens = tokens
        self.reference_prefix = reference_prefix


class Platform(Generic[SettingsT]):
    """A kind of system; subclass it and override the hooks that `capabilities` names.

    `id` is what `platform = "..."` says in config.toml. `poll_every` is how often orders are fetched unless the seller
    says otherwise, `statuses` the map from the hub's own statuses to the platform's until he writes one, `concurrency`
    how many hook calls may run at once for one account, `call_limit` the seconds after which a hook call is given up.
    `longest_keep` is how long the platform lets a seller keep its buyers' data after an order's end, None for no limit.
    `why_not` says of flags that are missing (by their names in lower case) why, each in one sentence for sellers.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    role: ClassVar[Role]
    Settings: ClassVar[type[Settings]]
    capabilities: ClassVar[Capability]
    why_not: ClassVar[Mapping[str, str]] = {}
    poll_every: ClassVar[timedelta] = timedelta(hours=1)
    statuses: ClassVar[Mapping[str, str]] = {}
    concurrency: ClassVar[int] = 4
    call_limit: ClassVar[float] = 120.0
    longest_keep: ClassVar[timedelta | None] = None

    def __init__(self, account: Account[SettingsT]) -> None:
        self.account = account

    @hookspec(firstresult=True)
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """One page of orders that are new or have changed since `cursor`; None asks to begin.

        Called every `poll_every`, on command, and again at once while `Page.more`. The page and its cursor are stored
        together: what was answered before may be answered again, and after a crash it is. Repeats are harmless.

        `since` is given where a person wants to reach back, `cursor` is then None: answer every order that was changed
        at that moment or later. The pages that follow are asked for by the answered cursor alone, up to the first
        without `more`; the account's own place is not moved by them.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        """Adds the order to the shop, with its reference inside, and answers what the shop made of it.

        Called again for the same order only after `find_order` said that it is not there. Raise `Unsure` for every
        answer that leaves a doubt; `Rejected` where the shop has said no.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:
        """Looks for the order with exactly this reference, added at `since` or later; changes nothing.

        None means that the shop has truly said "not there". A search that failed or was partial must raise.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def find_purchase(self, order: ForwardOrder) -> ShopOrder | None:
        """Looks for an order of this very purchase that something else has put into the shop; changes nothing.

        Called before the order is added. Our own orders don't count. None means that nothing of the kind was found;
        a search that failed must raise.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def set_status(self, ref: OrderRef, status: str) -> None:
        """Sets one of the platform's statuses. May be repeated; the same status again changes nothing."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:
        """Tells the shop whether the order is paid. May be repeated."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Makes the platform know all these parcels: reads what is there, compares, adds what is missing."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """The platform's own list of statuses, payment or delivery methods, or carriers."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def find_products(self, keys: Sequence[ProductKey]) -> tuple[Product | None, ...]:
        """The shop's product for each key, in the order of the keys; None where there is none."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def send_mail(self, mail: Mail) -> None:
        """Hands the mail to the mail server; returns once the server has taken it.

        Never repeated after a doubt: raise `Unsure` wherever the server may have taken it.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def login(self, show: Callable[[str], None], ask: AskOwner, refresh_token: str | None) -> str:
        """Gets tokens with the owner's help and stores them; `show` prints a line for him, `ask` awaits his answer.

        With a `refresh_token` obtained elsewhere nobody is asked. Answers one sentence of success.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def probe(self) -> ProbeReport:
        """Tries what the platform promises against what it does, and tells both.

        Called by `orderferry probe`. It may send what changes nothing, such as a change of an order that can't exist,
        and nothing that a seller or a buyer would notice.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    async def check(self) -> CheckReport:
        """Proves cheaply that credentials and rights are good, or raises what is wrong.

        Called at start and by `orderferry check`; every platform has it. It changes nothing.
        """
        raise NotImplementedError


AnyPlatform = Platform[Any]  # the daemon handles every platform alike, whatever its settings are

Register = Callable[[type[AnyPlatform]], None]
"""What `register_platforms` is handed: call it with each platform class that the distribution offers."""


@hookspec
def register_platforms(register: Register) -> None:
    """Called once at start: call `register` with each platform class that the distribution offers.

    A distribution names a module in the entry-point group `orderferry`; that module implements this function, marked
    with `@hookimpl`.
    """
