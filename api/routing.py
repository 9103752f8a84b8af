"""Lookups of the routes at a path."""

from typing import Final

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import Scope

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


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
