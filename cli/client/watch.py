"""Waiting for jobs: live progress for a person, a line for each new state elsewhere."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from cli.client.api import Api, Row
from cli.client.errors import ClientError, Interrupted, NoConnection
from cli.client.find import job_path
from cli.client.output import STYLES, Output
from cli.client.terminal_text import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

FINISHED: Final = ("completed", "failed")

RECONNECT_FOR: Final = 60.0
"""Seconds for which a lost connection is tried again."""

RECONNECT_PAUSE: Final = 1.0
"""Seconds."""

STEADY_AFTER: Final = 10.0
"""Seconds after which a stream that breaks counts as one that had come back."""

SHORTEST_POLL: Final = 0.2
LONGEST_POLL: Final = 2.0
"""Seconds between two readings of a batch's statistics: a tenth of what has been waited."""


def wait_for_jobs(api: Api, output: Output, job_ids: Sequence[str]) -> list[Row]:
    """The jobs, in the same order, once all have finished."""
    with _interruptible(f"`diffy jobs watch {' '.join(job_ids)}` goes on watching."):
        jobs = []
        for job_id in job_ids:
            with _shown(output) as display:
                for job in job_states(api, job_id):
                    display.job(job)
            jobs.append(job)
        return jobs


def wait_for_batch(api: Api, output: Output, batch_id: str, size: int | None = None) -> Row:
    """The statistics of a batch once all its jobs have finished.

    `size` is the number of its jobs, if it is known. Raises ClientError for a batch without jobs.
    """
    hint = f"`diffy jobs watch --batch {batch_id}` goes on watching."
    with _interruptible(hint), _shown(output) as display:
        began = time.monotonic()
        while True:
            stats: Row = _again(lambda: api.get("/api/jobs/stats", batchId=batch_id))
            done = stats["completed"] + stats["failed"]
            display.batch(stats, max(size or 0, done + stats["total"]))
            if done + stats["total"] == 0 and size is None:
                raise ClientError(f"There are no jobs of a batch {batch_id}.")
            if stats["total"] == 0 and done >= (size or 0):
                return stats
            waited = time.monotonic() - began
            time.sleep(min(max(SHORTEST_POLL, waited / 10), LONGEST_POLL))


def job_states(api: Api, job_id: str) -> Iterator[Row]:
    """The job now, and whenever it changes, until it has finished."""
    path = f"/api/jobs/{job_path(job_id)}/events"
    last_id: str | None = None
    lost: float | None = None
    while True:
        began = time.monotonic()
        try:
            for event in api.events(path, last_id):
                last_id = event.id
                yield event.data
                if event.data["state"] in FINISHED:
                    return
        except NoConnection:
            if lost is None and last_id is None:
                raise
        # The stream has ended before the job: the API was stopped, or the connection is lost.
        lost = _pause(None if time.monotonic() - began > STEADY_AFTER else lost)


def _again(read: Any) -> Any:
    """What `read` gives; a lost connection is tried again."""
    lost: float | None = None
    while True:
        try:
            return read()
        except NoConnection:
            lost = _pause(lost)


def _pause(lost: float | None) -> float:
    """Wait before the next try; when the connection was lost. Raises if that is too long ago."""
    now = time.monotonic()
    if lost is not None and now - lost > RECONNECT_FOR:
        raise NoConnection(
            f"The connection was lost, and did not come back within {RECONNECT_FOR:g} seconds. "
            "The jobs go on; watch them again with `diffy jobs watch`."
        )
    time.sleep(RECONNECT_PAUSE)
    return now if lost is None else lost


@contextmanager
def _interruptible(hint: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped watching; the work goes on. {hint}") from None


def described(job: Row) -> str:
    """What a job is about, in one line."""
    what = one_line(job["url"]) if job.get("url") else f"domain {job['domainId']}"
    return f"{job['type']} {what}"


class _Lines:
    """Progress as lines: one for each new state or attempt."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._last: object = None

    def job(self, job: Row) -> None:
        """Show the job as it is now."""
        seen = (job["state"], job["attemptsMade"])
        if seen != self._last:
            reason = f": {one_line(job['failedReason'])}" if job["failedReason"] else ""
            self._output.note(f"{described(job)}: {job['state']}{reason}")
        self._last = seen

    def batch(self, stats: Row, size: int) -> None:
        """Show the batch as it is now."""
        seen = (stats["completed"], stats["failed"])
        if seen != self._last:
            self._output.note(f"{sum(seen)} of {size} jobs finished, {stats['failed']} failed")
        self._last = seen


class _Bar:
    """Progress as a bar that moves."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def job(self, job: Row) -> None:
        """Show the job as it is now."""
        style = STYLES.get(job["state"], "default")
        again = f" (attempt {job['attemptsMade']})" if job["attemptsMade"] > 1 else ""
        self._show(described(job), f"[{style}]{job['state']}[/]{again}", job["progress"], 100)

    def batch(self, stats: Row, size: int) -> None:
        """Show the batch as it is now."""
        counts = ", ".join(
            f"[{STYLES[state]}]{stats[state]} {state}[/]"
            for state in ("active", "delayed", "waiting", "completed", "failed")
            if stats[state]
        )
        self._show(f"{size} jobs", counts, stats["completed"] + stats["failed"], size)

    def _show(self, name: str, state: str, done: int, total: int) -> None:
        from rich.markup import escape

        if self._task is None:
            self._task = self._progress.add_task(escape(name), total=total, state=state)
        self._progress.update(
            self._task, description=escape(name), total=total, completed=done, state=state
        )


@contextmanager
def _shown(output: Output) -> Iterator[_Lines | _Bar]:
    if not sys.stderr.isatty():
        yield _Lines(output)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False),
        transient=True,
    ) as progress:
        yield _Bar(progress)
