"""The OpenAPI 3.1 document of the control API, made from the table of routes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from daemon.control.bodies import Body
from daemon.control.parameters import MAX_PARAMETER, Param
from daemon.control.routes import OPENAPI_PATH, ROUTES, Route
from daemon.core.journal import Entry
from daemon.views import Problem

_REF = "#/components/schemas/{name}"

PROBLEMS: Mapping[int, str] = {
    400: "a parameter, the body or the request itself is not right",
    403: "not from a local program, or this user may only read",
    404: "there is no such thing, or no such path",
    405: "this path has another method",
    409: "it does not go together with how things stand, or the Idempotency-Key came with another request",
    413: "the body is too long",
    415: "the body is not plain application/json",
    431: "the headers are too long",
    500: "a mistake of the daemon",
    503: "too many connections, or it can't be done just now",
}
_OF_BODIES = frozenset({413, 415})


@cache
def document() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(build())


def build() -> dict[str, Any]:
    """The document as values."""
    answers = [route.answer for route in ROUTES]
    bodies = [route.body for route in ROUTES if route.body is not None]
    schemas, components = msgspec.json.schema_components([*answers, *bodies, Problem, Entry], ref_template=_REF)
    of_answer = dict(zip((route.about for route in ROUTES), schemas[: len(answers)], strict=True))
    of_body = dict(zip(bodies, schemas[len(answers) : len(answers) + len(bodies)], strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        operation = _operation(route, of_answer[route.about], of_body)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    paths[OPENAPI_PATH] = {"get": _document_operation()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "orderferry control API",
            "version": "1",
            "summary": "Reads and commands of the daemon, over its unix socket.",
        },
        "servers": [{"url": "http://localhost", "description": "by way of the unix socket"}],
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(
    route: Route, answer: Mapping[str, Any], of_body: Mapping[type[Body], Mapping[str, Any]]
) -> dict[str, Any]:
    parameters = [_parameter(param, "path") for param in route.params]
    parameters += [_parameter(param, "query") for param in route.query]
    if route.stream == "events":
        parameters.append(_header("Last-Event-ID", "the id of the last row that was seen; goes before `after`"))
    if route.acts:
        parameters.append(
            _header("Idempotency-Key", "the same key and request within a day get the first answer again")
        )
    operation: dict[str, Any] = {
        "operationId": route.path.removeprefix("/v1").lstrip("/").replace("/", "_").replace("{", "").replace("}", "")
        + ("_post" if route.acts else ""),
        "summary": route.summary,
        "x-permission": "act" if route.acts else "read",
        "parameters": parameters,
        "responses": {"200": _success(route, answer)} | _problems(with_body=route.body is not None),
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": _is_required(route.body),
            "content": {"application/json": {"schema": of_body[route.body]}},
        }
    return operation


def _is_required(body: type[Body]) -> bool:
    return any(field.required for field in msgspec.structs.fields(body))


def _success(route: Route, answer: Mapping[str, Any]) -> dict[str, Any]:
    problem = {"$ref": _REF.format(name="Problem")}
    match route.stream:
        case "lines":
            about = "one JSON object a line; a Problem is the last line of what could not go on"
            return {"description": about, "content": {"application/x-ndjson": {"schema": {"anyOf": [answer, problem]}}}}
        case "events":
            about = "server-sent events; the schema is that of each event's data, a Problem's event is `problem`"
            return {"description": about, "content": {"text/event-stream": {"schema": {"anyOf": [answer, problem]}}}}
        case None:
            content_type = (route.plain or "application/json").partition(";")[0]
            return {"description": route.summary, "content": {content_type: {"schema": answer}}}


def _document_operation() -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": "openapi",
        "summary": "this document",
        "x-permission": "read",
        "parameters": [],
        "responses": {"200": {"description": "this document", "content": content}} | _problems(with_body=False),
    }


def _problems(*, with_body: bool) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    return {
        str(status): {"description": about, "content": content}
        for status, about in PROBLEMS.items()
        if with_body or status not in _OF_BODIES
    }


def _parameter(param: Param, place: str) -> dict[str, Any]:
    return {
        "name": param.name,
        "in": place,
        "required": place == "path",
        "description": param.summary,
        "schema": _schema(param),
    }


def _schema(param: Param) -> Mapping[str, Any]:
    match param.kind:
        case "number":
            return {"type": "integer", "minimum": param.least, "maximum": param.most}
        case "flag":
            return {"type": "boolean"}
        case "time":
            return {"type": "string", "format": "date-time"}
        case "text":
            longest: Mapping[str, Any] = {"type": "string", "maxLength": MAX_PARAMETER}
            return {"type": "string", "enum": list(param.choices)} if param.choices else longest


def _header(name: str, summary: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": summary, "schema": {"type": "string"}}
