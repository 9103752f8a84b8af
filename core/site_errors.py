"""What a site does wrong in particular: leaves of the tree that is drawn in `core.errors`."""

from collections.abc import Iterator

from core.errors import (
    BadRedirect,
    InternalError,
    JobError,
    NotAPage,
    PassingJobError,
    PermanentJobError,
    SiteError,
    SiteUnreachable,
)


class EmptyPage(NotAPage):
    """The site answered with success and sent nothing, or white space."""

    code = "EMPTY_PAGE"


class WatchedPartMissing(PermanentJobError):
    """The page has no text where the selector of its settings points."""

    code = "WATCHED_PART_MISSING"


class BrowserMissing(PermanentJobError):
    """The page needs a browser to be read, and none is installed here."""

    code = "BROWSER_MISSING"


class RenderingFailed(PassingJobError):
    """The browser crashed over the page, or the page kept it busy for too long."""

    code = "RENDERING_FAILED"


class JobCancelled(PermanentJobError):
    """The job was cancelled before it had stored anything, and stores nothing any more."""

    code = "CANCELLED"


class HeadersTooLarge(PermanentJobError):
    """The headers go on past the 100 KiB that an answer's may have."""

    code = "HEADERS_TOO_LARGE"


class RedirectLoop(BadRedirect):
    """A redirect to where the same fetch has been before."""

    code = "REDIRECT_LOOP"


class TooManyRedirects(BadRedirect):
    """More redirects one after the other than are followed."""

    code = "TOO_MANY_REDIRECTS"


class RedirectToNowhere(BadRedirect):
    """A redirect to something that is no web address."""

    code = "REDIRECT_TO_NOWHERE"


class RedirectToOtherSite(BadRedirect):
    """The page is now on another site, which is not the one that is watched."""

    code = "REDIRECT_TO_OTHER_SITE"


class NameNotFound(SiteUnreachable):
    """The name of the host has no address, now."""

    code = "NAME_NOT_FOUND"


class ConnectionFailed(SiteUnreachable):
    """Nothing answers at the host's address, or it refuses the connection."""

    code = "CONNECTION_FAILED"


class TlsFailed(SiteUnreachable):
    """The certificate is not valid for the host, or the handshake failed."""

    code = "TLS_FAILED"


class ConnectionBroken(SiteUnreachable):
    """The site broke the connection off in the middle of the exchange."""

    code = "CONNECTION_BROKEN"


class InvalidAnswer(SiteError):
    """Not HTTP, or not an answer to what was asked."""

    code = "INVALID_ANSWER"


class BrokenBody(SiteError):
    """The body is shorter than was said, or its chunks are not framed as they should be."""

    code = "BROKEN_BODY"


class BrokenCompression(SiteError):
    """The body cannot be inflated, or its compressed data ends early."""

    code = "BROKEN_COMPRESSION"


def error_of(code: str) -> type[JobError]:
    """The error of a job that has this code; InternalError where this version knows none."""
    return next((error for error in _kinds_of(JobError) if error.code == code), InternalError)


def _kinds_of(error: type[JobError]) -> Iterator[type[JobError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from _kinds_of(kind)
