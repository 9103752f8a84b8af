"""The static files of the web page."""

from typing import Final

from fastapi import APIRouter, Request, Response

from api.web.rendering import ASSETS
from core.errors import NotFound

FOREVER: Final = "public, max-age=31536000, immutable"

router = APIRouter()


@router.get("/static/{name}")
async def static_file(name: str, request: Request, v: str = "") -> Response:
    """A file that pages refer to. Its address has its version, so that it is asked for once."""
    asset = ASSETS.get(name)
    if asset is None:
        raise NotFound("There is nothing at this address.")
    headers = {
        "Cache-Control": FOREVER if v == asset.version else "no-cache",
        "ETag": f'"{asset.version}"',
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)
