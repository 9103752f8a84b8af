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
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or etag in ENTITY_TAG.findall(known):
        return PlainResponse(status_code=304, headers=headers)
    return PlainResponse(body, headers=headers, media_type=media_type)
