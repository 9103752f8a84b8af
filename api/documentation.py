"""Corrections of the OpenAPI document that FastAPI generates."""

import re
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.errors import DESCRIPTIONS, JSON, PROBLEM, ErrorAnswer, Problem
from api.parameters import IGNORED
from core.model import Model
from core.scopes import Scope, needed_scope

EVENTS: Final = "text/event-stream"

RETRY_AFTER: Final = "Retry-After"
KEYED: Final = ("RateLimit-Policy", "RateLimit", IGNORED)
"""Headers that every answer to a request with a key may have."""

HEADERS: Final = {
    "RateLimit-Policy": {
        "description": "How many requests (`q`) the key may make in how many seconds (`w`), if the "
        "installation limits them.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "How many of them are left (`r`), and the seconds (`t`) until they are "
        "counted anew.",
        "schema": {"type": "string"},
    },
    IGNORED: {
        "description": "The names of query parameters that the route does not have. A request with "
        "`Prefer: handling=strict` is refused instead.",
        "schema": {"type": "string"},
    },
    RETRY_AFTER: {
        "description": "Seconds after which the request may be sent again.",
        "schema": {"type": "integer"},
    },
}

RETRIED: Final = ("429", "503")
"""Statuses that have a `Retry-After`."""


def operation_id(route: APIRoute) -> str:
    """The id of an operation, after which generated clients name their functions: the module of its
    route and what the route does, such as `pages_crawl`.
    """
    return f"{route.endpoint.__module__.rpartition('.')[2]}_{route.name}"


def event_data(*models: type[Model], or_nothing: bool = False) -> dict[str, Any]:
    """What a route of Server-Sent Events adds to its documentation: their data is one of `models`
    as JSON, or an empty object. Other answers must have the models, so that the document does.
    """
    schemas: list[dict[str, Any]] = [_reference("schemas", each.__name__) for each in models]
    schemas += [{"type": "object", "maxProperties": 0}] if or_nothing else []
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    data = {"contentMediaType": JSON, "contentSchema": schema}
    content = {EVENTS: {"itemSchema": {"properties": {"data": data}}}}
    return {"responses": {"200": {"content": content}}}


class DocumentedApi(FastAPI):
    """A FastAPI application that documents every error as JSON and as a problem detail, and the
    headers of answers.

    FastAPI documents errors with the media type of the successful answer, also for event streams.
    """

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        document = super().openapi()
        components = document["components"]
        components["schemas"][Problem.__name__] = Problem.model_json_schema()
        components["headers"] = HEADERS
        for address, path in document["paths"].items():
            for method, operation in path.items():
                operation["summary"] = _first_sentence(operation["description"])
                responses = operation["responses"]
                responses.pop("default", None)
                if "401" in responses and needed_scope(method.upper(), address) is not Scope.READ:
                    responses["403"] = {**responses["401"], "description": DESCRIPTIONS[403]}
                    operation["responses"] = dict(sorted(responses.items()))
                for status, response in operation["responses"].items():
                    _document_error(status, response)
                    if "401" in responses and status != "401":
                        _add_headers(response, *KEYED)
        return document


def _first_sentence(text: str) -> str:
    """What a description says first, as plain text. FastAPI's own summaries are the names of
    functions.
    """
    return re.split(r"[.:;](?:\s|$)", text, maxsplit=1)[0].replace("`", "").replace("\n", " ")


def _document_error(status: str, response: dict[str, Any]) -> None:
    """Correct what is said of an answer with that status, unless it is no error."""
    if status.startswith("2") or "content" not in response:
        return
    schema = next(iter(response["content"].values()))
    response["content"] = {JSON: schema}
    if schema["schema"] == _reference("schemas", ErrorAnswer.__name__):
        response["content"][PROBLEM] = {"schema": _reference("schemas", Problem.__name__)}
        if status in RETRIED:
            _add_headers(response, RETRY_AFTER)


def _add_headers(response: dict[str, Any], *names: str) -> None:
    headers = response.setdefault("headers", {})
    headers.update({name: _reference("headers", name) for name in names})


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
