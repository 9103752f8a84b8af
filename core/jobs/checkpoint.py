"""What an attempt of a discovery needs to go on where the one before was stopped."""

from datetime import timedelta

from core.errors import JobError, PassingJobError, error_of
from core.model import Model


class Seeding(Model):
    """Which sitemaps are to be read, which were asked for, and what came of it.

    `read` counts sitemaps, `asked` names redirects too; `urls` counts what the sitemaps named. It
    is over when no sitemap is `waiting`.
    """

    waiting: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    read: int = 0
    urls: int = 0


class StoredError(Model):
    """An error of a job, in a form that can be stored; `retry_after` is in seconds."""

    code: str
    message: str
    retry_after: float | None = None

    @classmethod
    def of(cls, error: JobError) -> "StoredError":
        """The form of `error`."""
        pause = error.retry_after if isinstance(error, PassingJobError) else None
        seconds = None if pause is None else pause.total_seconds()
        return cls(code=error.code, message=error.message, retry_after=seconds)

    def as_error(self) -> JobError:
        """The error."""
        error = error_of(self.code)(self.message)
        if isinstance(error, PassingJobError) and self.retry_after is not None:
            error.retry_after = timedelta(seconds=self.retry_after)
        return error


class Checkpoint(Model):
    """How far a discovery is, beside its frontier.

    `seeding` is None before it has begun. `feeds` are those that are read, and `first_error` is why
    the first page that could not be read could not.
    """

    seeding: Seeding | None = None
    feeds: tuple[str, ...] = ()
    first_error: StoredError | None = None


BEGINNING = Checkpoint()
"""Nothing has been done yet."""
