"""What the status and headers of an answer mean for a job."""

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

PAGE_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
"""The media types of pages."""

MAGIC: Final = {
    b"%PDF-": "a PDF",
    b"\x89PNG": "an image",
    b"GIF8": "an image",
    b"\xff\xd8\xff": "an image",
    b"PK\x03\x04": "a ZIP file",
    b"\x1f\x8b": "a gzip file",
}
"""How files begin that are no pages, whatever their site says of them."""

SHOWN_TYPE: Final = 100
"""Characters of a media type that a message repeats."""


def retry_after(value: str | None) -> timedelta | None:
    """How long a site asks to be left alone (RFC 9110, 10.2.3): seconds, or until a date.

    None when it does not say, or says nothing that can be read.
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


def refusal(status: int, wait: timedelta | None) -> JobError | None:
    """Why an answer of `status` is no page; None when it may be one."""
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


def no_page(content_type: str | None, body: bytes) -> NotAPage | None:
    """Why a successful answer is no page; None when it may be one.

    What begins as a file of another kind does is none. Without a Content-Type it is one if it
    begins as markup does.
    """
    if not body.strip():
        return EmptyPage("The site sent an empty page.")
    if known := next((kind for magic, kind in MAGIC.items() if body.startswith(magic)), None):
        return NotAPage(f"The site sent {known}, which is not a page.")
    declared = (content_type or "").split(";")[0].strip().lower()
    if declared in PAGE_TYPES or (not declared and body.lstrip().startswith(b"<")):
        return None
    kind = declared[:SHOWN_TYPE] if declared.isprintable() else ""
    return NotAPage(f"The site sent {kind or 'something of no known type'}, which is not a page.")
