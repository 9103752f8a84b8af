"""Conditional requests (RFC 9110, 13)."""

import hashlib
import re
from typing import Final

from fastapi import Request, Response
from starlette.responses import Response as PlainResponse

from core.model import Model

ENTITY_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


def conditional(request: Request, answer: Model) -> Response:
    """`answer` with an ETag, or 304 if it matches If-None-Match (RFC 9110, 13.1.2)."""
    body = answer.model_dump_json(by_alias=True).encode()
    return conditional_bytes(request, body, "application/json")


def conditional_bytes(request: Request, body: bytes, media_type: str) -> Response:
    """`body` with an ETag, or 304 if it matches If-None-Match."""
    etag = entity_tag(body)
    return unchanged(request, etag) or tagged(body, etag, media_type)


def entity_tag(of: bytes) -> str:
    """The ETag of an answer that is made of these bytes and of nothing else."""
    return f'"{hashlib.sha256(of).hexdigest()[:32]}"'


def unchanged(request: Request, etag: str) -> Response | None:
    """304 if the ETag matches If-None-Match, else None."""
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or etag in ENTITY_TAG.findall(known):
        return PlainResponse(status_code=304, headers=_headers(etag))
    return None


def tagged(body: bytes, etag: str, media_type: str) -> Response:
    """`body` with an ETag."""
    return PlainResponse(body, headers=_headers(etag), media_type=media_type)


def _headers(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": "private, no-cache"}
