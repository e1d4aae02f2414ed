"""docs/reference/control-api.md has every route, parameter, field, limit and status, and nothing that is not there."""

from __future__ import annotations

import inspect
import re
import typing
from pathlib import Path

import msgspec
import pytest

from daemon.control.guard import HOSTS, STATUS, Limits
from daemon.control.hub import Hub
from daemon.control.openapi import PROBLEMS
from daemon.control.repeats import DAY, LONGEST_KEY, MOST
from daemon.control.routes import ROUTES, Route

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "control-api.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### ([A-Z]+ /[^\n]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
IDS = [route.about for route in ROUTES]


def test_every_route_has_its_section_and_no_other() -> None:
    assert list(SECTIONS) == sorted(SECTIONS, key=IDS.index)
    assert set(SECTIONS) == set(IDS)


def test_reading_and_acting_are_told_apart() -> None:
    reading, acting = PAGE.split("\n## Acting\n")
    for route in ROUTES:
        assert f"\n### {route.about}\n" in (acting if route.acts else reading)


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_the_parameters_are_those_of_the_route(route: Route) -> None:
    written = re.findall(r"^- `([a-z_]+)`: (.+)$", SECTIONS[route.about], re.MULTILINE)
    params = {param.name: param for param in (*route.params, *route.query)}
    choosing = {param.name for param in route.params if param.choices}
    assert [name for name, _ in written] == [
        name for name in params if name in choosing or name in {p.name for p in route.query}
    ]
    for name, about in written:
        param = params[name]
        if param.choices:
            assert re.findall(r"`(\w+)`", about) == list(param.choices)
        if param.least:
            assert about.startswith(f"{param.least} to {param.most}")


@pytest.mark.parametrize("route", [route for route in ROUTES if route.body], ids=lambda route: route.about)
def test_the_fields_are_those_of_the_body(route: Route) -> None:
    written = re.findall(r"^- body `([a-z_]+)`: (.+)$", SECTIONS[route.about], re.MULTILINE)
    assert route.body is not None
    fields = msgspec.structs.fields(route.body)
    assert [name for name, _ in written] == [field.encode_name for field in fields]
    assert [about.startswith("required") for _, about in written] == [field.required for field in fields]


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.acts], ids=lambda route: route.about)
def test_the_answer_is_named(route: Route) -> None:
    arguments = typing.get_args(route.answer)
    name = (arguments[0] if arguments else route.answer).__name__
    assert f"`{name}`" in SECTIONS[route.about]
    assert (
        f"list of\n`{name}`" in SECTIONS[route.about] or f"list of `{name}`" in SECTIONS[route.about] or not arguments
    )


def test_the_statuses_are_those_of_the_program() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \| (.+) \|$", PAGE, re.MULTILINE)
    assert {int(status): about for status, _, about in rows} == PROBLEMS
    codes = {status: code for code, status in STATUS.items()}
    for status, code, _ in rows:
        assert code == codes.get(int(status), "internal" if status == "500" else "invalid")


def test_the_limits_are_those_of_the_program() -> None:
    limits = Limits()
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    for what in (
        f"| body | {limits.body // 1024**2} MiB,",
        f"together | {limits.headers // 1024} KiB |",
        f"at once | {limits.connections} |",
        f"its body | {limits.read:.0f} s |",
        f"a stream | {limits.write:.0f} s |",
    ):
        assert any(what in row for row in rows), what
    assert f"comment comes every {limits.pulse:.0f} s" in PAGE
    assert f"for {DAY / 3600:.0f} hours" in PAGE
    assert f"(1 to {LONGEST_KEY} plain characters)" in PAGE
    assert MOST == 1000
    assert "a thousand of them" in PAGE


@pytest.mark.parametrize("route", [route for route in ROUTES if route.query], ids=lambda route: route.about)
def test_how_many_come_where_nothing_is_said(route: Route) -> None:
    limit = inspect.signature(getattr(Hub, route.hub)).parameters.get("limit")
    if limit is not None:
        assert f"; {limit.default} where nothing is said" in SECTIONS[route.about]


def test_the_hosts_are_those_of_the_program() -> None:
    assert all(f"`{host}`" in PAGE for host in HOSTS if host)
