"""Meaning of the status, headers and first bytes of a response for a job."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from core.errors import (
    AccessRefused,
    EmptyPage,
    JobError,
    NotAPage,
    PageGone,
    SiteError,
    SiteOverloaded,
    SiteTimeout,
)
from core.web.document_kinds import DocumentKind, document_kind, media_type

FILE_SIGNATURES: Final = {
    b"%PDF-": "a PDF",
    b"\x89PNG": "an image",
    b"GIF8": "an image",
    b"\xff\xd8\xff": "an image",
    b"PK\x03\x04": "a ZIP file",
    b"\x1f\x8b": "a gzip file",
}
"""First bytes of files that are not pages, whatever their Content-Type."""

MAY_BE_EMPTY: Final = frozenset({DocumentKind.CSV, DocumentKind.MARKDOWN})
"""Documents that may have nothing in them. Plain text is none of them: servers that fail declare
it, or guess it, for an answer without a body.
"""

MAX_QUOTED_LENGTH: Final = 100
"""Maximum number of characters of a media type in an error message."""


def retry_after(value: str | None) -> timedelta | None:
    """The delay that a Retry-After header asks for (RFC 9110, 10.2.3), as seconds or a date.

    Never negative; None without a header, or if it cannot be parsed.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(aware - datetime.now(UTC), timedelta(0))


def error_for_status(status: int, wait: timedelta | None) -> JobError | None:
    """The job error for a response with this status; None for 2xx and 304.

    `wait` is the delay of its Retry-After header, which errors that a retry may help carry on.
    """
    match status:
        case _ if 200 <= status < 300 or status == 304:
            return None
        case 404 | 410:
            return PageGone(f"The site answered {status}: the page does not exist.")
        case 401:
            return AccessRefused("The site answered 401: it asks for a login.")
        case 403:
            return AccessRefused("The site answered 403: it refuses us the page.")
        case 408:
            return SiteTimeout("The site answered 408: the request took too long.", wait)
        case 425 | 429 | 503:
            return SiteOverloaded(f"The site answered {status}: it asks for patience.", wait)
        case _ if 400 <= status < 500:
            return AccessRefused(f"The site answered {status}: it refuses the request.")
        case _:
            return SiteError(f"The site answered {status}: it failed.", wait)


def error_for_document(
    content_type: str | None, body: bytes, chosen: DocumentKind | None = None
) -> NotAPage | None:
    """The job error for a successful response that is neither a page nor another document that can
    be compared (`core.web.document_kinds`); None if it may be one. Of the kind that a person has
    `chosen` it may be empty, if it is text.
    """
    kind = document_kind(content_type, body, chosen)
    unusable = error_for_content(content_type, body)
    if isinstance(unusable, EmptyPage):
        is_text = kind in MAY_BE_EMPTY or (kind is DocumentKind.TEXT and kind is chosen)
        return None if is_text else unusable
    if unusable is None and chosen is None:
        return None
    if kind is None or (kind is not DocumentKind.PDF and _signature(body) is not None):
        return unusable or NotAPage(
            "The site sent no text, though its settings say that it is a document of text."
        )
    return None


def _signature(body: bytes) -> str | None:
    """What a file is by its first bytes, None if they do not tell."""
    return next((kind for magic, kind in FILE_SIGNATURES.items() if body.startswith(magic)), None)


def error_for_content(content_type: str | None, body: bytes) -> NotAPage | None:
    """The job error for a successful response that is not a page; None if it may be one.

    The first bytes of the body count more than the Content-Type. Without a Content-Type, a body
    that begins with `<` is a page.
    """
    if not body.strip():
        return EmptyPage("The site sent an empty page.")
    if known := _signature(body):
        return NotAPage(f"The site sent {known}, which is not a page.")
    declared = media_type(content_type)
    if document_kind(content_type, body) is DocumentKind.HTML:
        return None
    kind = declared[:MAX_QUOTED_LENGTH] if declared.isprintable() else ""
    return NotAPage(f"The site sent {kind or 'something of no known type'}, which is not a page.")
