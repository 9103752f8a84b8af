"""The tree of all errors that Diffy raises on purpose.

DiffyError
├── SettingsError             a setting has an invalid value; the process exits with code 2
├── RequestError              the API cannot answer a request as asked
│   ├── InvalidRequest            400
│   ├── Unauthorized              401
│   ├── QuotaExceeded             402
│   ├── Forbidden                 403
│   ├── NotFound                  404
│   ├── MethodNotAllowed          405
│   ├── Conflict                  409
│   ├── RequestTooSlow            408
│   ├── RequestTooLarge           413
│   ├── HeadTooLarge              431
│   └── RateLimited               429
├── Unavailable               503, Temporal or the database cannot be reached
├── Deferral                  not a failure: the attempt goes on later, or in another worker
│   ├── BrowserElsewhere          the page needs a browser, which this worker leaves to others
│   └── HostBusy                  until the host has a free slot
└── JobError                  why an attempt of a job ended without a result
    ├── PermanentJobError         a retry cannot succeed
    │   ├── PageGone                  404, 410
    │   ├── AccessRefused             401, 403 and other 4xx
    │   ├── BlockedByRobots           RFC 9309
    │   ├── NotAPage                  an image, an archive, a page without text
    │   │   └── EmptyPage                 an empty body
    │   ├── PageTooLarge
    │   ├── HeadersTooLarge
    │   ├── BadRedirect
    │   │   ├── RedirectLoop
    │   │   ├── TooManyRedirects
    │   │   ├── RedirectToNowhere         the target is not a web address
    │   │   └── RedirectToOtherSite
    │   ├── ForbiddenAddress          a private or special-purpose address
    │   ├── InvalidAddress            not a web address
    │   ├── WatchedPartMissing        the watch selector matches no text
    │   ├── JsonPathTooCostly         the JSON path looks at too many places
    │   ├── BrowserMissing            the page needs a browser, and none is installed
    │   ├── SecretsUnreadable         headers and cookies were encrypted with another key
    │   ├── SubjectGone               the domain or page was deleted from Diffy
    │   ├── JobCancelled              cancelled before the job stored anything
    │   └── InvalidJobInput           a workflow cannot read its input
    └── PassingJobError           a retry may succeed
        ├── SiteUnreachable
        │   ├── NameNotFound              the name does not resolve
        │   ├── NameServersFailed         the name servers of the site do not answer
        │   ├── ConnectionFailed          refused, no route
        │   ├── TlsFailed                 the certificate or the handshake
        │   │   └── CertificateExpired        the certificate is no longer valid
        │   └── ConnectionBroken          reset during the exchange
        ├── SiteTimeout               the deadline passed, or 408
        ├── SiteOverloaded            429, 503; may carry Retry-After
        ├── SiteError                 other 5xx
        │   ├── InvalidAnswer             not HTTP, or not a response to the request
        │   ├── BrokenBody                truncated or wrongly framed
        │   └── BrokenCompression
        ├── BlockedBySite             a bot check, or "access denied", in place of the page
        │   ├── ConsentRequired           the site asks for a consent first
        │   ├── LoginRequired             the site asks for a login first
        │   └── UnderMaintenance          the site says that it is closed for a while
        ├── FrameUnreadable           the stored version contains the frame
        ├── RenderingFailed           the browser crashed, or the page kept it busy
        ├── RobotsUnreachable         RFC 9309, 2.3.1.4
        ├── AlreadyDiscovering        another job holds the discovery lock of the domain
        └── InternalError             a bug in Diffy
            └── NamesUnavailable          this machine can resolve no name
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar


class DiffyError(Exception):
    """Base of all errors that Diffy raises on purpose.

    `message` is a sentence for users, `code` the published error code, `http_status` the status of
    the API's response, and `retryable` whether the same request or job may succeed later.
    """

    http_status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SettingsError(DiffyError):
    """A setting has an invalid value; the message names the setting and the values it accepts."""


class RequestError(DiffyError):
    """A request that the API cannot answer as asked.

    `details` maps the name of each invalid field to a sentence.
    """

    http_status = 400
    code = "VALIDATION_ERROR"

    def __init__(self, message: str, details: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.details = details


class InvalidRequest(RequestError):
    """A parameter or body does not have the documented form."""


class Unauthorized(RequestError):
    """The API key is missing, malformed, unknown or revoked."""

    http_status = 401
    code = "UNAUTHORIZED"


class QuotaExceeded(RequestError):
    """The organisation has used up one of its quotas.

    `quota` is its name, `limit` its figure, and `used` how much of it is used. `remedy` is the
    sentence that says when it frees up, and `frees_at` that moment, None if the organisation itself
    decides it.
    """

    http_status = 402
    code = "QUOTA_EXCEEDED"

    def __init__(
        self,
        quota: str,
        limit: int,
        used: int,
        remedy: str,
        *,
        wanted: int = 1,
        frees_at: datetime | None = None,
    ) -> None:
        asked = "" if wanted == 1 else f", and this asks for {wanted}"
        details = {"quota": quota, "limit": str(limit), "used": str(used)}
        if frees_at is not None:
            details["freesAt"] = f"{frees_at:%Y-%m-%dT%H:%M:%SZ}"
        super().__init__(
            f"The organisation's quota {quota} is {limit}: {used} are used{asked}. {remedy}",
            details,
        )
        self.quota, self.limit, self.used = quota, limit, used
        self.frees_at = frees_at


class Forbidden(RequestError):
    """The scope of the API key does not include this, or a form is not of the session it claims."""

    http_status = 403
    code = "FORBIDDEN"


class NotFound(RequestError):
    """The resource does not exist, or belongs to another organisation.

    Both cases have the same response, so that nobody learns what other organisations have.
    """

    http_status = 404
    code = "NOT_FOUND"


class MethodNotAllowed(RequestError):
    """The route does not accept this method."""

    http_status = 405


class RequestTooSlow(RequestError):
    """The request body did not arrive before its timeout."""

    http_status = 408


class Conflict(RequestError):
    """The current state of the resource does not allow the request."""

    http_status = 409
    code = "CONFLICT"


class RequestTooLarge(RequestError):
    """The request body exceeds the limit."""

    http_status = 413


class RateLimited(RequestError):
    """Temporal accepts no more requests for now, or the API key has made all that it may in this
    minute.

    `retry_after` is the number of seconds after which the request may be repeated, None if unknown.
    """

    http_status = 429
    code = "RATE_LIMITED"
    retryable = True

    def __init__(self, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class HeadTooLarge(RequestError):
    """The URL and headers of the request exceed the limit."""

    http_status = 431

    def __init__(self) -> None:
        super().__init__("The address and the headers are larger than 64 KiB together.")


class Unavailable(DiffyError):
    """Temporal or the database cannot be reached."""

    http_status = 503
    code = "UNAVAILABLE"
    retryable = True


class Deferral(DiffyError):
    """The attempt goes on later, or in another worker, and frees its worker slot.

    This is not a failure, and does not count as another attempt.
    """

    http_status = 503
    code = "DEFERRED"
    retryable = True


class BrowserElsewhere(Deferral):
    """The page needs a browser, and this worker leaves that to others."""

    code = "BROWSER_ELSEWHERE"

    def __init__(self) -> None:
        super().__init__("This worker renders no pages.")


class HostBusy(Deferral):
    """The next free slot of the host is at `until`, too far ahead to wait for in the activity."""

    code = "HOST_BUSY"

    def __init__(self, host: str, until: datetime) -> None:
        super().__init__(f"{host} may not be asked before {until:%H:%M:%S} UTC.")
        self.until = until


class JobError(DiffyError):
    """Why an attempt ended without a result; `code` is the published Temporal error type."""

    http_status = 502
    code = "JOB_ERROR"


class PermanentJobError(JobError):
    """A retry cannot succeed: the job fails at once."""


class PageGone(PermanentJobError):
    """The site answered that the page does not exist (404, 410)."""

    code = "PAGE_GONE"


class AccessRefused(PermanentJobError):
    """The site refused the request (401, 403, 451 and other 4xx)."""

    code = "ACCESS_REFUSED"


class BlockedByRobots(PermanentJobError):
    """robots.txt disallows the page for our user agent (RFC 9309)."""

    code = "BLOCKED_BY_ROBOTS"


class NotAPage(PermanentJobError):
    """The response is neither an HTML page nor another document with text."""

    code = "NOT_A_PAGE"


class EmptyPage(NotAPage):
    """The response is successful and its body is empty or white space."""

    code = "EMPTY_PAGE"


class PageTooLarge(PermanentJobError):
    """The response body exceeds the limit of a page."""

    code = "PAGE_TOO_LARGE"


class HeadersTooLarge(PermanentJobError):
    """The response headers exceed 100 KiB."""

    code = "HEADERS_TOO_LARGE"


class BadRedirect(PermanentJobError):
    """A redirect that cannot be followed."""

    code = "BAD_REDIRECT"


class RedirectLoop(BadRedirect):
    """A redirect to a URL that this fetch has already requested."""

    code = "REDIRECT_LOOP"


class TooManyRedirects(BadRedirect):
    """A chain of redirects exceeds the limit."""

    code = "TOO_MANY_REDIRECTS"


class RedirectToNowhere(BadRedirect):
    """A redirect to something other than a web address."""

    code = "REDIRECT_TO_NOWHERE"


class RedirectToOtherSite(BadRedirect):
    """A redirect to a site other than the watched one."""

    code = "REDIRECT_TO_OTHER_SITE"


class ForbiddenAddress(PermanentJobError):
    """The host is or resolves to an address that is not public."""

    code = "FORBIDDEN_ADDRESS"


class InvalidAddress(PermanentJobError):
    """The text is not an address that can be fetched over HTTP."""

    code = "INVALID_ADDRESS"


class WatchedPartMissing(PermanentJobError):
    """The watch selector or JSON path of the crawl settings matches nothing of the page."""

    code = "WATCHED_PART_MISSING"


class JsonPathTooCostly(PermanentJobError):
    """The JSON path of the crawl settings looks at too many places of the document."""

    code = "JSON_PATH_TOO_COSTLY"


class BrowserMissing(PermanentJobError):
    """The page needs JavaScript, and this worker has no browser."""

    code = "BROWSER_MISSING"


class SecretsUnreadable(PermanentJobError):
    """The headers and cookies of the crawl settings were encrypted with another key."""

    code = "SECRETS_UNREADABLE"


class SubjectGone(PermanentJobError):
    """The domain or page was deleted after the job was requested."""

    code = "SUBJECT_GONE"


class JobCancelled(PermanentJobError):
    """The job was cancelled before it stored anything."""

    code = "CANCELLED"


class InvalidJobInput(PermanentJobError):
    """A workflow cannot read its input."""

    code = "INVALID_INPUT"


class PassingJobError(JobError):
    """A retry may succeed.

    `retry_after` is the site's Retry-After (RFC 9110, 10.2.3) before any cap, None if it sent none.
    """

    retryable = True

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SiteUnreachable(PassingJobError):
    """No connection to the site, or a broken one."""

    code = "SITE_UNREACHABLE"


class NameNotFound(SiteUnreachable):
    """The host name does not resolve to an address."""

    code = "NAME_NOT_FOUND"


class NameServersFailed(SiteUnreachable):
    """The name servers of the host's domain fail or do not answer, while other names resolve."""

    code = "NAME_SERVERS_FAILED"


class ConnectionFailed(SiteUnreachable):
    """The host's address does not answer or refuses the connection."""

    code = "CONNECTION_FAILED"


class TlsFailed(SiteUnreachable):
    """The certificate is not valid for the host, or the TLS handshake failed."""

    code = "TLS_FAILED"


class CertificateExpired(TlsFailed):
    """The certificate of the host, or one that it depends on, is no longer valid."""

    code = "CERTIFICATE_EXPIRED"


class ConnectionBroken(SiteUnreachable):
    """The site closed the connection during the exchange."""

    code = "CONNECTION_BROKEN"


class SiteTimeout(PassingJobError):
    """The exchange exceeded its deadline, or the site answered 408."""

    code = "SITE_TIMEOUT"


class SiteOverloaded(PassingJobError):
    """The site is overloaded or limits our rate (429, 503)."""

    code = "SITE_OVERLOADED"


class SiteError(PassingJobError):
    """The site failed (5xx), or its response is not usable."""

    code = "SITE_ERROR"


class InvalidAnswer(SiteError):
    """The response is not HTTP, or does not answer the request."""

    code = "INVALID_ANSWER"


class BrokenBody(SiteError):
    """The body is shorter than announced, or its chunks are wrongly framed."""

    code = "BROKEN_BODY"


class BrokenCompression(SiteError):
    """The body cannot be decompressed, or its compressed data is truncated."""

    code = "BROKEN_COMPRESSION"


class BlockedBySite(PassingJobError):
    """The site shows a bot check or "access denied" in place of the page, with a success status."""

    code = "BLOCKED_BY_SITE"


class ConsentRequired(BlockedBySite):
    """The site shows a request for consent in place of the page."""

    code = "CONSENT_REQUIRED"


class LoginRequired(BlockedBySite):
    """The site shows a login in place of the page, with a success status."""

    code = "LOGIN_REQUIRED"


class UnderMaintenance(BlockedBySite):
    """The site says, with a success status, that it is closed for maintenance."""

    code = "UNDER_MAINTENANCE"


class FrameUnreadable(PassingJobError):
    """The site refuses the document of a frame that is part of the stored version of the page."""

    code = "FRAME_UNREADABLE"


class RenderingFailed(PassingJobError):
    """The browser crashed, or the page kept it busy past the timeout."""

    code = "RENDERING_FAILED"


class RobotsUnreachable(PassingJobError):
    """robots.txt answered 5xx or not at all, which disallows all pages (RFC 9309, 2.3.1.4)."""

    code = "ROBOTS_UNREACHABLE"


class AlreadyDiscovering(PassingJobError):
    """A later attempt of the same job holds the discovery lock of the domain."""

    code = "ALREADY_DISCOVERING"


class InternalError(PassingJobError):
    """A bug in Diffy; the log has the stack trace."""

    code = "INTERNAL"


class NamesUnavailable(InternalError):
    """Diffy can resolve no name now: its own name server fails. No site is blamed for it."""

    code = "NAMES_UNAVAILABLE"


def error_of(code: str) -> type[JobError]:
    """The class of the job error with this code; InternalError if the code is unknown."""
    return next((error for error in _subclasses(JobError) if error.code == code), InternalError)


def _subclasses(error: type[JobError]) -> Iterator[type[JobError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
