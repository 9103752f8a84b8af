"""Corrections of the OpenAPI document that FastAPI generates."""

from typing import Any, Final

from fastapi import FastAPI

JSON: Final = "application/json"


class DocumentedApi(FastAPI):
    """A FastAPI application that documents every error as JSON.

    FastAPI documents errors with the media type of the successful answer, also for event streams.
    """

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        document = super().openapi()
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("default", None)
                for status, response in operation["responses"].items():
                    if not status.startswith("2") and "content" in response:
                        [schema] = response["content"].values()
                        response["content"] = {JSON: schema}
        return document
