"""The application's documentation of itself, corrected where FastAPI's is not what is answered."""

from typing import Any, Final

from fastapi import FastAPI

JSON: Final = "application/json"


class DocumentedApi(FastAPI):
    """FastAPI lists a route's errors under the media type of its good answers: of a stream of
    events too, whose errors are JSON as all others are.
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
