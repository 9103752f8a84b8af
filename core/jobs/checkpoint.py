"""The checkpoint from which a new attempt resumes a discovery."""

from datetime import timedelta

from pydantic import Field

from core.errors import JobError, PassingJobError, error_of
from core.model import Model


class Seeding(Model):
    """The progress of reading a site's sitemaps; it is complete if none is `waiting`.

    `asked` are the URLs requested so far, redirects included. `read` is the number of sitemaps
    read, and `urls` the number of URLs in them. `usual_places` is set once the usual places of
    sitemaps are waiting, because no other sitemap listed a URL. `problems` says which sitemaps
    could not be read; `failed` is set if one may list URLs that are not known. `passed_over` counts
    the sitemaps that the limits excluded, and `urls_passed_over` the URLs.
    """

    waiting: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    read: int = 0
    urls: int = 0
    usual_places: bool = False
    problems: tuple[str, ...] = ()
    passed_over: int = 0
    urls_passed_over: int = 0
    failed: bool = False


class StoredError(Model):
    """A job error in the form in which it is stored; `retry_after` is in seconds."""

    code: str
    message: str
    retry_after: float | None = None

    @classmethod
    def of(cls, error: JobError) -> "StoredError":
        """The stored form of `error`."""
        retry_after = error.retry_after if isinstance(error, PassingJobError) else None
        seconds = None if retry_after is None else retry_after.total_seconds()
        return cls(code=error.code, message=error.message, retry_after=seconds)

    def as_error(self) -> JobError:
        """The error itself; InternalError if its code is unknown."""
        error = error_of(self.code)(self.message)
        if isinstance(error, PassingJobError) and self.retry_after is not None:
            error.retry_after = timedelta(seconds=self.retry_after)
        return error


class Checkpoint(Model):
    """The state of a discovery apart from its frontier.

    `seeding` is None until it starts. `feeds` are the URLs of the feeds to read. `first_error` is
    the error of the first page that could not be read. `read_for_links` counts the URLs that are
    visited for their links only, and `files` says for each kind of file name how many visits found
    no page (`core.web.scope.file_kind`). `missing_listed` is set once the known pages that the walk
    did not find are in the frontier.
    """

    seeding: Seeding | None = None
    feeds: tuple[str, ...] = ()
    first_error: StoredError | None = None
    read_for_links: int = 0
    files: dict[str, int] = Field(default_factory=dict)
    missing_listed: bool = False


EMPTY_CHECKPOINT = Checkpoint()
"""The checkpoint of a discovery that has not started."""
