"""The control API as one table: paths, permissions, parameters, bodies, answers.

The rule of this file: what isn't in ROUTES does not exist. The server asks by it, `openapi.py` is made from it, and
docs/reference/control-api.md is tested against it. Names of parameters and of body fields are those of the `Hub`
method that the route asks, so that nothing stands between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from daemon.control.bodies import (
    Body,
    BuyerBody,
    ErasureBody,
    FetchBody,
    ForwardBody,
    ImportBody,
    NoBody,
    ParcelBody,
    PaymentBody,
    ResolveBody,
    SinceBody,
    StatusBody,
)
from daemon.control.parameters import MAX_PARAMETER, Param, decoded, value_of
from daemon.core.job import JobState
from daemon.core.journal import Entry
from daemon.privacy.views import ErasureView, PrivacyReport, SearchLine
from daemon.views import (
    AccountView,
    BackupProgress,
    ChoiceView,
    CommandError,
    Done,
    FetchProgress,
    HealthView,
    ImportView,
    JobsView,
    JournalView,
    OrdersView,
    OrderView,
    PlanView,
    PluginView,
    StatusView,
    StoryView,
    UnmappedView,
)
from orderferry import ChoiceKind, Stage

Stream: TypeAlias = Literal["lines", "events"]


class Route(Struct, frozen=True, kw_only=True):
    """One route; `hub` is the method of `Hub` that is asked, `acts` says that reading rights are not enough.

    `answer` is the type of the whole answer, or of each item of a stream. `shaped` renames what the path gives.
    `plain` is the content type of an answer that is text and not JSON. `open` ones are served to watchers' port too.
    """

    method: Literal["GET", "POST"]
    path: str
    hub: str
    summary: str
    answer: Any  # a type expression such as tuple[AccountView, ...], which has no narrower type of its own
    acts: bool = False
    query: tuple[Param, ...] = ()
    body: type[Body] | None = None
    stream: Stream | None = None
    plain: str | None = None
    open: bool = False
    shaped: Callable[[dict[str, Any]], dict[str, Any]] = dict

    @property
    def params(self) -> tuple[Param, ...]:
        """The parameters in the path, in order."""
        return tuple(_PATH[part[1:-1]] for part in self.path.split("/") if part.startswith("{"))

    @property
    def about(self) -> str:
        """The route as people write it."""
        return f"{self.method} {self.path}"


_PATH: Mapping[str, Param] = {
    "name": Param(name="name", summary="the account's name in config.toml"),
    "kind": Param(name="kind", summary="which list", choices=tuple(ChoiceKind)),
    "order": Param(name="order", summary="the hub's number, or the marketplace's own id"),
    "job": Param(name="job", kind="number", summary="the job's number"),
}

_LIMIT = "how many at most"
_ACCOUNT = Param(name="account", summary="of this account alone")


def _act(path: str, hub: str, summary: str, body: type[Body] = NoBody) -> Route:
    return Route(method="POST", path=path, hub=hub, summary=summary, answer=Done, acts=True, body=body)


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/v1/status", hub="status", summary="the daemon at a glance", answer=StatusView),
    Route(method="GET", path="/v1/plugins", hub="plugins", summary="all plugins", answer=tuple[PluginView, ...]),
    Route(method="GET", path="/v1/accounts", hub="accounts", summary="all accounts", answer=tuple[AccountView, ...]),
    Route(method="GET", path="/v1/accounts/{name}", hub="account", summary="one account", answer=AccountView),
    Route(
        method="GET",
        path="/v1/accounts/{name}/choices/{kind}",
        hub="choices",
        summary="a list of the platform's: its statuses, payment methods, delivery methods or carriers",
        answer=tuple[ChoiceView, ...],
    ),
    Route(
        method="GET",
        path="/v1/accounts/{name}/unmapped",
        hub="unmapped",
        summary="methods of marketplaces that came in orders for this shop and have no entry in its maps",
        answer=tuple[UnmappedView, ...],
    ),
    Route(
        method="GET",
        path="/v1/orders",
        hub="orders",
        summary="orders, newest first",
        answer=OrdersView,
        query=(
            _ACCOUNT,
            Param(name="stage", summary="in this stage alone", choices=tuple(Stage)),
            Param(name="status", summary="in this status of the hub alone"),
            Param(name="since", kind="time", summary="bought at or after this moment"),
            Param(name="unfinished", kind="flag", summary="with something still to be done"),
            Param(name="warnings", kind="flag", summary="with a warning"),
            Param(name="before", kind="number", summary="the page after that one: its `next`"),
            Param(name="limit", kind="number", summary=_LIMIT, least=1, most=500),
        ),
    ),
    Route(
        method="GET", path="/v1/orders/{order}", hub="order", summary="all that is known of an order", answer=OrderView
    ),
    Route(
        method="GET",
        path="/v1/orders/{order}/explain",
        hub="explain",
        summary="the order's story in sentences, and the commands that resolve what is stuck",
        answer=StoryView,
    ),
    Route(
        method="GET",
        path="/v1/orders/{order}/plan",
        hub="plan",
        summary="what a shop, or each that forwards, would be told of the order, and what is withheld; sends nothing",
        answer=tuple[PlanView, ...],
        query=(Param(name="shop", summary="for this shop, whether it forwards or not"),),
    ),
    Route(
        method="GET",
        path="/v1/jobs",
        hub="jobs",
        summary="jobs, and with them the orders that could not be read",
        answer=JobsView,
        query=(
            Param(name="state", summary="in this state alone", choices=tuple(JobState)),
            _ACCOUNT,
            Param(name="limit", kind="number", summary=_LIMIT, least=1, most=1000),
        ),
    ),
    Route(
        method="GET",
        path="/v1/journal",
        hub="journal",
        summary="rows of the journal in order",
        answer=JournalView,
        query=(
            Param(name="after", kind="number", summary="rows after this id: the `last` of the page before"),
            Param(name="since", kind="time", summary="rows of this moment or later"),
            Param(name="order", summary="of this order alone"),
            _ACCOUNT,
            Param(name="kind", summary="of this kind alone, such as job_parked"),
            Param(name="newest", kind="flag", summary="the last rows that fit instead of the first"),
            Param(name="limit", kind="number", summary=_LIMIT, least=1, most=1000),
        ),
    ),
    Route(
        method="GET",
        path="/v1/events",
        hub="follow",
        summary="the journal as it is written: server-sent events, `id` the row's id, `event` its kind",
        answer=Entry,
        query=(Param(name="after", kind="number", summary="begin after this id; without it, with the next row"),),
        stream="events",
    ),
    Route(method="GET", path="/healthz", hub="healthz", summary="the process lives", answer=HealthView, open=True),
    Route(
        method="GET",
        path="/readyz",
        hub="readyz",
        summary="the daemon has started and its store can be written; 503 with the reason where it isn't so",
        answer=HealthView,
        open=True,
    ),
    Route(
        method="GET",
        path="/metrics",
        hub="metrics",
        summary="metrics in Prometheus's text format",
        answer=str,
        plain="text/plain; version=0.0.4; charset=utf-8",
        open=True,
    ),
    Route(
        method="GET",
        path="/v1/privacy",
        hub="privacy",
        summary="what is held about buyers, for how long, and who is told; names nobody",
        answer=PrivacyReport,
    ),
    Route(
        method="POST",
        path="/v1/privacy/export",
        hub="privacy_export",
        summary="all that is held about a person, an order a line; lines between say how far the search is",
        answer=SearchLine,
        acts=True,
        body=BuyerBody,
        stream="lines",
    ),
    Route(
        method="POST",
        path="/v1/privacy/erase",
        hub="privacy_erase",
        summary="erase a person's data, or that of orders, now",
        answer=ErasureView,
        acts=True,
        body=ErasureBody,
    ),
    Route(
        method="POST",
        path="/v1/fetch",
        hub="fetch",
        summary="fetch now; a line for each page as it comes, the last of an account with `done`",
        answer=FetchProgress,
        acts=True,
        body=FetchBody,
        stream="lines",
    ),
    Route(
        method="POST",
        path="/v1/accounts/{name}/fetch",
        hub="fetch",
        summary="fetch now from one account",
        answer=FetchProgress,
        acts=True,
        body=SinceBody,
        stream="lines",
        shaped=lambda given: {"names": (given["name"],), "since": given["since"]},
    ),
    Route(
        method="POST",
        path="/v1/backup",
        hub="backup",
        summary="make a backup in the folder of the settings; a line about every second, the last with `done`",
        answer=BackupProgress,
        acts=True,
        body=NoBody,
        stream="lines",
    ),
    _act("/v1/reload", "reload", "take config.toml as it is now; where it is broken the settings stay as they are"),
    _act("/v1/accounts/{name}/pause", "pause", "ask this account nothing until it is resumed"),
    _act("/v1/accounts/{name}/resume", "resume", "ask this account again"),
    Route(
        method="POST",
        path="/v1/imports/{name}/orders",
        hub="import_orders",
        summary="take orders in; says of each whether it is new, changed, the same or refused",
        answer=ImportView,
        acts=True,
        body=ImportBody,
    ),
    _act("/v1/orders/{order}/forward", "forward", "put an order into the shop by hand", ForwardBody),
    _act("/v1/orders/{order}/status", "set_status", "give the order another status", StatusBody),
    _act("/v1/orders/{order}/payment", "set_payment", "say whether the order is paid", PaymentBody),
    _act("/v1/orders/{order}/parcels", "add_parcel", "add a parcel's tracking number", ParcelBody),
    _act("/v1/jobs/{job}/retry", "retry", "try a parked or waiting job now"),
    _act("/v1/jobs/{job}/resolve", "resolve", "settle by hand what nobody knows about a job", ResolveBody),
)

OPENAPI_PATH = "/v1/openapi.json"


class Match(Struct, frozen=True, kw_only=True):
    """What a path led to: the route, or else the methods that this path has."""

    route: Route | None
    given: Mapping[str, Any] = {}
    allowed: tuple[str, ...] = ()


def match(method: str, path: str) -> Match:
    """Finds the route of a raw path, its parts still percent-encoded; raises `CommandError` for an unknown path."""
    parts = path.split("/")
    allowed: list[str] = []
    for route in ROUTES:
        wanted = route.path.split("/")
        if len(wanted) != len(parts) or any(
            want != part for want, part in zip(wanted, parts, strict=True) if not want.startswith("{")
        ):
            continue
        if route.method == method:
            raw = [part for want, part in zip(wanted, parts, strict=True) if want.startswith("{")]
            given = {p.name: value_of(p, decoded(text)) for p, text in zip(route.params, raw, strict=True)}
            return Match(route=route, given=given)
        allowed.append(route.method)
    if not allowed:
        known = [*(route.path for route in ROUTES), OPENAPI_PATH]
        near = tuple(dict.fromkeys(get_close_matches(path[:MAX_PARAMETER], known, n=3)))
        raise CommandError("not_found", "there is no such path here; all of them are in /v1/openapi.json", near)
    return Match(route=None, allowed=tuple(allowed))
