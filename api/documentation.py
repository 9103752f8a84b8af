"""Corrections of the OpenAPI document that FastAPI generates."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.errors import DESCRIPTIONS
from core.scopes import Scope, needed_scope

JSON: Final = "application/json"


def operation_id(route: APIRoute) -> str:
    """The id of an operation, after which generated clients name their functions: the module of its
    route and what the route does, such as `pages_crawl`.
    """
    return f"{route.endpoint.__module__.rpartition('.')[2]}_{route.name}"


class DocumentedApi(FastAPI):
    """A FastAPI application that documents every error as JSON.

    FastAPI documents errors with the media type of the successful answer, also for event streams.
    """

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        document = super().openapi()
        for address, path in document["paths"].items():
            for method, operation in path.items():
                responses = operation["responses"]
                responses.pop("default", None)
                if "401" in responses and needed_scope(method.upper(), address) is not Scope.READ:
                    responses["403"] = {**responses["401"], "description": DESCRIPTIONS[403]}
                    operation["responses"] = dict(sorted(responses.items()))
                for status, response in operation["responses"].items():
                    if not status.startswith("2") and "content" in response:
                        [schema] = response["content"].values()
                        response["content"] = {JSON: schema}
        return document
