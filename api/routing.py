"""Lookups of the routes at a path."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import Scope

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

NO_ROUTE: Final = "none"
"""What stands for the route of a path that has none."""

OTHER_METHOD: Final = "OTHER"
"""What stands for any method that no route has: clients may make up as many as they like."""


def route_of(scope: Scope) -> str:
    """The route that answers, with its parameters unfilled; known once the answer begins."""
    route: str = getattr(scope.get("route"), "path", NO_ROUTE)
    return route


def method_of(scope: Scope) -> str:
    """The method, or `OTHER_METHOD`."""
    method: str = scope["method"]
    return method if method in METHODS else OTHER_METHOD


def has_route(app: FastAPI, scope: Scope) -> bool:
    """Whether there is a route at the path, for any method."""
    return any(route.matches(scope)[0] is not Match.NONE for route in app.routes)


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """The methods of all routes at the path."""
    return [
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]


def route_at(app: FastAPI, scope: Scope) -> str | None:
    """The route of a request, also of one that was refused before its route was looked up; None if
    there is none.
    """
    found = scope.get("route") or next(_matching(app.routes, scope), None)
    path = getattr(found, "path", None)
    return path if isinstance(path, str) else None


def _matching(routes: Iterable[Any], scope: Scope) -> Iterator[Any]:
    """The routes that match a request; FastAPI has those of an included router below one."""
    for each in routes:
        if each.matches(scope)[0] is not Match.FULL:
            continue
        if hasattr(each, "effective_route_contexts"):
            yield from _matching(each.effective_route_contexts(), scope)
        else:
            yield each
