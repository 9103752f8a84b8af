"""The one tree of errors; what a site does wrong in particular is in `core.site_errors`.

DiffyError
├── SettingsError             a setting cannot be used; the process exits with code 2
├── RequestError              what a client asked cannot be done
│   ├── InvalidRequest            400
│   ├── Unauthorized              401
│   ├── NotFound                  404
│   ├── MethodNotAllowed          405
│   ├── Conflict                  409
│   ├── RequestTooSlow            408
│   ├── RequestTooLarge           413
│   ├── HeadTooLarge              431
│   └── RateLimited               429
├── Unavailable               503, Temporal or the database cannot be reached
├── HostBusy                  no fault: the attempt is deferred until the host can be asked
└── JobError                  why an attempt of a job ended without a result
    ├── PermanentJobError         no retry can mend it
    │   ├── PageGone                  404, 410
    │   ├── AccessRefused             401, 403 and the other refusals of 4xx
    │   ├── BlockedByRobots           RFC 9309
    │   ├── NotAPage                  a PDF, an image, a page without text
    │   │   └── EmptyPage                 no body at all
    │   ├── PageTooLarge
    │   ├── HeadersTooLarge
    │   ├── BadRedirect
    │   │   ├── RedirectLoop
    │   │   ├── TooManyRedirects
    │   │   ├── RedirectToNowhere         to no web address
    │   │   └── RedirectToOtherSite
    │   ├── ForbiddenAddress          a private or special address
    │   ├── InvalidAddress            not a web address at all
    │   ├── WatchedPartMissing        the selector of the settings matches nothing
    │   ├── BrowserMissing            the page needs one, and none is installed
    │   ├── SecretsUnreadable         the key that headers and cookies were stored under is not here
    │   ├── SubjectGone               the domain or page was deleted here
    │   ├── JobCancelled              before anything was stored
    │   └── InvalidJobInput           a workflow was started with input it cannot read
    └── PassingJobError           the next attempt may succeed
        ├── SiteUnreachable
        │   ├── NameNotFound              no address for the name
        │   ├── ConnectionFailed          refused, no route
        │   ├── TlsFailed                 the certificate or the handshake
        │   └── ConnectionBroken          reset in the middle
        ├── SiteTimeout               deadline, 408
        ├── SiteOverloaded            429, 503; may carry Retry-After
        ├── SiteError                 the other 5xx
        │   ├── InvalidAnswer             no HTTP, or none that was asked for
        │   ├── BrokenBody                cut short, or framed wrongly
        │   └── BrokenCompression
        ├── RenderingFailed           the browser crashed, or the page never came to rest
        ├── RobotsUnreachable         RFC 9309, 2.3.1.4
        ├── AlreadyDiscovering        another job walks the domain
        └── InternalError             a fault of ours
"""

from datetime import datetime, timedelta
from typing import ClassVar


class DiffyError(Exception):
    """Any error that Diffy raises on purpose; its message is a sentence for a person."""

    http_status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SettingsError(DiffyError):
    """A setting has a value that cannot be used; the message names it and what it accepts."""


class RequestError(DiffyError):
    """A request that cannot be answered as asked.

    `details` names the fields at fault, by field name.
    """

    http_status = 400
    code = "VALIDATION_ERROR"

    def __init__(self, message: str, details: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.details = details


class InvalidRequest(RequestError):
    """A parameter or a body that is not of the documented form."""


class Unauthorized(RequestError):
    """No key, or one that is malformed, unknown or revoked."""

    http_status = 401
    code = "UNAUTHORIZED"


class NotFound(RequestError):
    """It does not exist, or another organisation owns it: the two must look alike."""

    http_status = 404
    code = "NOT_FOUND"


class MethodNotAllowed(RequestError):
    """The route exists and does not take this method."""

    http_status = 405


class Conflict(RequestError):
    """The present state does not allow it."""

    http_status = 409
    code = "CONFLICT"


class RequestTooLarge(RequestError):
    """The body is larger than the API reads."""

    http_status = 413


class RequestTooSlow(RequestError):
    """The body does not arrive in the time it has."""

    http_status = 408


class HeadTooLarge(RequestError):
    """The address and the headers are larger than the API reads."""

    http_status = 431

    def __init__(self) -> None:
        super().__init__("The address and the headers are larger than 64 KiB together.")


class RateLimited(RequestError):
    """Too many requests in too short a time."""

    http_status = 429
    code = "RATE_LIMITED"
    retryable = True


class Unavailable(DiffyError):
    """Temporal or the database cannot be reached now."""

    http_status = 503
    code = "UNAVAILABLE"
    retryable = True


class HostBusy(DiffyError):
    """The host may not be asked for more than a moment: the attempt goes on at `until`.

    This is no failure. The attempt gives its worker back, and no attempt is used up.
    """

    http_status = 503
    code = "HOST_BUSY"
    retryable = True

    def __init__(self, host: str, until: datetime) -> None:
        super().__init__(f"{host} may not be asked before {until:%H:%M:%S} UTC.")
        self.until = until


class JobError(DiffyError):
    """Why an attempt ended without a result; `code` is the published Temporal error type."""

    http_status = 502
    code = "JOB_ERROR"


class PermanentJobError(JobError):
    """No retry can mend it: the job fails at once."""


class PageGone(PermanentJobError):
    """The site says that the page does not exist (404, 410)."""

    code = "PAGE_GONE"


class AccessRefused(PermanentJobError):
    """The site refuses the page to us (401, 403, 451 and the other refusals of 4xx)."""

    code = "ACCESS_REFUSED"


class BlockedByRobots(PermanentJobError):
    """The site's robots.txt forbids the page to our user agent (RFC 9309)."""

    code = "BLOCKED_BY_ROBOTS"


class NotAPage(PermanentJobError):
    """What the site sent is no HTML document with text in it."""

    code = "NOT_A_PAGE"


class PageTooLarge(PermanentJobError):
    """The body goes on past what a page may hold."""

    code = "PAGE_TOO_LARGE"


class BadRedirect(PermanentJobError):
    """A redirect that cannot be followed."""

    code = "BAD_REDIRECT"


class ForbiddenAddress(PermanentJobError):
    """The host is, or resolves to, an address that is not public."""

    code = "FORBIDDEN_ADDRESS"


class InvalidAddress(PermanentJobError):
    """Not an address that can be fetched over HTTP."""

    code = "INVALID_ADDRESS"


class SecretsUnreadable(PermanentJobError):
    """The key that the headers and cookies of the settings were stored under is not here."""

    code = "SECRETS_UNREADABLE"


class SubjectGone(PermanentJobError):
    """The domain or page was deleted after the job had been asked for."""

    code = "SUBJECT_GONE"


class InvalidJobInput(PermanentJobError):
    """A workflow was started with input it cannot read."""

    code = "INVALID_INPUT"


class PassingJobError(JobError):
    """The next attempt may succeed.

    `retry_after` is what the site asked for (RFC 9110, 10.2.3), before any cap.
    """

    retryable = True

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SiteUnreachable(PassingJobError):
    """No connection, or one that broke."""

    code = "SITE_UNREACHABLE"


class SiteTimeout(PassingJobError):
    """The exchange took longer than its deadline, or the site answered 408."""

    code = "SITE_TIMEOUT"


class SiteOverloaded(PassingJobError):
    """The site asks for patience (429, 503)."""

    code = "SITE_OVERLOADED"


class SiteError(PassingJobError):
    """The site failed (5xx), or its answer cannot be used."""

    code = "SITE_ERROR"


class RobotsUnreachable(PassingJobError):
    """robots.txt answered 5xx or not at all, which forbids everything (RFC 9309, 2.3.1.4)."""

    code = "ROBOTS_UNREACHABLE"


class AlreadyDiscovering(PassingJobError):
    """Another job is discovering the pages of the domain."""

    code = "ALREADY_DISCOVERING"


class InternalError(PassingJobError):
    """A fault of ours; the log holds the stack trace."""

    code = "INTERNAL"
