"""The page that shows the REST API: Swagger UI, whose files a package brings, served by ourselves.

It needs no key: the OpenAPI document has nothing of any organisation. Who tries an operation there
enters a key, which the page forgets when it is left.
"""

from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request, Response

from api.web.rendering import SECURITY_HEADERS, Asset, answer_asset, page
from core.errors import NotFound

PACKAGE: Final = "fastapi_swagger.resources"

SWAGGER_FILES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
"""The files of the package that we serve, with their media types."""

POLICY: Final = SECURITY_HEADERS["Content-Security-Policy"].replace(
    "img-src 'self'", "img-src 'self' data:"
)
"""As for our own pages, with the small pictures that the stylesheet of Swagger UI contains."""

router = APIRouter(prefix="/docs")


@cache
def swagger_file(name: str) -> Asset:
    """A file of Swagger UI, which is read once it is wanted: it has more than a megabyte."""
    return Asset.of(files(PACKAGE).joinpath(name).read_bytes(), SWAGGER_FILES[name])


@router.get("")
async def docs(request: Request) -> Response:
    """The operations of the REST API, to read and to try."""
    addresses = {name: f"/docs/{name}?v={swagger_file(name).version}" for name in SWAGGER_FILES}
    answer = page(request, "docs.html", title="REST API", files=addresses)
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


@router.get("/{name}")
async def docs_file(name: str, request: Request, v: str = "") -> Response:
    """A file of Swagger UI."""
    if name not in SWAGGER_FILES:
        raise NotFound("There is nothing at this address.")
    return answer_asset(request, swagger_file(name), v)
