"""The static files of the web page."""

from fastapi import APIRouter, Request, Response

from api.web.rendering import ASSETS, answer_asset
from core.errors import NotFound

router = APIRouter()


@router.get("/static/{name}")
async def static_file(name: str, request: Request, v: str = "") -> Response:
    """A file that pages refer to."""
    asset = ASSETS.get(name)
    if asset is None:
        raise NotFound("There is nothing at this address.")
    return answer_asset(request, asset, v)
