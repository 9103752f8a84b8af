"""Query parameters that a route of the REST API does not have: ignored, and told; or refused."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import PROTECTED
from api.errors import MAX_DETAILS, MAX_FIELD_NAME_LENGTH
from api.routing import method_of, route_at
from core.errors import InvalidRequest

IGNORED: Final = "Ignored-Parameters"
"""The header that names, percent-encoded, what was ignored."""

STRICT: Final = "handling=strict"
"""The preference of clients that want such requests refused (RFC 7240, 4.4)."""


Parameters = Mapping[tuple[str, str], frozenset[str]]
"""The names of the query parameters of routes, by method and path."""


class UnknownParameters:
    """Middleware that names unknown query parameters in the answer, or refuses them if the client
    prefers that. A misspelt filter would otherwise show everything, and nobody would know.
    """

    def __init__(self, app: ASGIApp, parameters: Parameters) -> None:
        self._app = app
        self._parameters = parameters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. Raises InvalidRequest."""
        if scope["type"] != "http" or not scope["path"].startswith(PROTECTED):
            await self._app(scope, receive, send)
            return
        strict = prefers_strict(Headers(scope=scope))
        known = self._known(scope) if scope["query_string"] else None
        unknown = [] if known is None else _unknown(scope, known)
        if known is not None and unknown and strict:
            raise InvalidRequest(*_refusal(unknown, known))
        told = {}
        if unknown:
            told[IGNORED] = ", ".join(quote(name, safe="") for name in unknown)
        if strict:
            told["Preference-Applied"] = STRICT

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        await self._app(scope, receive, sent if told else send)

    def _known(self, scope: Scope) -> frozenset[str] | None:
        """The parameters of the route; None if there is no route."""
        path = route_at(scope["app"], scope) or ""
        return self._parameters.get((method_of(scope), path))


def prefers_strict(headers: Headers) -> bool:
    """Whether the `Prefer` headers ask for strict handling; the first word on it counts."""
    for line in headers.getlist("prefer"):
        for preference in line.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            if name.strip().lower() == "handling":
                return value.strip().strip('"').lower() == "strict"
    return False


def _unknown(scope: Scope, known: frozenset[str]) -> list[str]:
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    names = dict.fromkeys(name[:MAX_FIELD_NAME_LENGTH] for name, _ in query)
    return [name for name in names if name not in known][:MAX_DETAILS]


def _refusal(unknown: list[str], known: frozenset[str]) -> tuple[str, dict[str, str]]:
    """The sentence of a refusal, and one for each parameter."""
    details = {}
    for name in unknown:
        lowered = {each.lower(): each for each in sorted(known)}
        near = get_close_matches(name.lower(), lowered, n=1)
        shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in name)
        details[shown] = "There is no parameter of this name here." + (
            f" Did you mean {lowered[near[0]]}?" if near else ""
        )
    name, sentence = next(iter(details.items()))
    return f"{name}: {sentence}", details


def parameters_of(routers: Iterable[APIRouter]) -> Parameters:
    """The query parameters of each route of `routers`."""
    return {
        (method, route.path): frozenset(_names(route.dependant))
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def _names(dependant: Dependant) -> list[str]:
    names = [each.alias for each in dependant.query_params]
    return names + [name for each in dependant.dependencies for name in _names(each)]
