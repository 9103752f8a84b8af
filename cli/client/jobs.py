"""`diffy jobs`: follow and steer work."""

import click

from cli.client.api import Row
from cli.client.errors import BadUsage
from cli.client.find import find_domain, find_job, find_page, job_path
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, limited, printing, waiting
from cli.client.watch import wait_for_batch
from cli.client.work import batch_failure, end_of_jobs

COLUMNS = (
    Column("id", "ID"),
    Column("type", "TYPE", Kind.WORD),
    Column("url", "PAGE"),
    Column("state", "STATE", Kind.WORD),
    Column("progress", "%", Kind.NUMBER),
    Column("attemptsMade", "ATTEMPTS", Kind.NUMBER),
    Column("createdAt", "CREATED", Kind.TIME),
    Column("finishedAt", "FINISHED", Kind.TIME),
    Column("failedReason", "REASON"),
)
DETAILS = (
    *COLUMNS[:6],
    Column("maxAttempts", "OF ATTEMPTS", Kind.NUMBER),
    Column("createdAt", "CREATED", Kind.TIME),
    Column("processedAt", "BEGUN", Kind.TIME),
    Column("nextAttemptAt", "NEXT ATTEMPT", Kind.TIME),
    Column("finishedAt", "FINISHED", Kind.TIME),
    Column("failedReason", "REASON"),
    Column("returnValue", "RESULT"),
    Column("domainId", "DOMAIN"),
    Column("pageId", "PAGE ID"),
)
ATTEMPT_COLUMNS = (
    Column("number", "ATTEMPT", Kind.NUMBER),
    Column("outcome", "OUTCOME", Kind.WORD),
    Column("startedAt", "STARTED", Kind.TIME),
    Column("endedAt", "ENDED", Kind.TIME),
    Column("reason", "REASON"),
)
STATES = click.Choice(["waiting", "active", "completed", "failed", "delayed"])

batch_option = click.option("--batch", metavar="ID", type=click.UUID, help="The jobs of a batch.")
job_arguments = click.argument("jobs", metavar="JOB...", nargs=-1)


@click.group()
def jobs() -> None:
    """List, watch, cancel, promote and retry crawls and discoveries."""


@jobs.command(
    "list",
    epilog=examples(
        "diffy jobs list --status failed",
        "diffy jobs list --domain shop.example --type crawl --all --csv",
        "diffy jobs list --batch BATCH",
    ),
)
@click.option("--status", type=STATES, help="Only those in this state.")
@click.option("--type", "kind", type=click.Choice(["crawl", "discover"]), help="Only of this type.")
@click.option("--domain", metavar="DOMAIN", help="Only of this domain, an id or a name.")
@click.option("--page", metavar="PAGE", help="Only of this page, an id or a URL.")
@batch_option
@limited
@printing
def list_jobs(
    session: Session,
    status: str | None,
    kind: str | None,
    domain: str | None,
    page: str | None,
    batch: object,
    limit: int | None,
) -> None:
    """List jobs: the unfinished ones first, newest first."""
    found = session.api.list(
        "/api/jobs",
        limit,
        status=status,
        type=kind,
        domainId=find_domain(session.api, domain)["id"] if domain else None,
        pageId=find_page(session.api, page)["id"] if page else None,
        batchId=batch,
    )
    session.output.rows(found.rows, COLUMNS)
    session.say_what_is_left(found)
    if not found.total and session.output.format is Format.TABLE:
        session.output.note("No job matches. `diffy crawl DOMAIN` starts some.")


@jobs.command(epilog=examples("diffy jobs show JOB"))
@click.argument("job")
@printing
def show(session: Session, job: str) -> None:
    """Show JOB, an id, and on a terminal its attempts."""
    found = find_job(session.api, job)
    if session.output.format is Format.JSON:
        session.output.one({**found, "attempts": _attempts(session, job)}, DETAILS)
        return
    session.output.one(found, DETAILS)
    if session.output.format is Format.TABLE:
        session.output.rows(_attempts(session, job), ATTEMPT_COLUMNS)


def _attempts(session: Session, job_id: str) -> list[Row]:
    attempts: list[Row] = session.api.get(f"/api/jobs/{job_path(job_id)}/attempts")
    return attempts


@jobs.command(
    epilog=examples(
        "diffy jobs watch JOB", "diffy jobs watch --batch BATCH", "diffy jobs watch JOB --json"
    )
)
@job_arguments
@batch_option
@printing
def watch(session: Session, jobs: tuple[str, ...], batch: object) -> None:
    """Wait for the end of each JOB, or of a batch, with progress.

    Exits with 1 if a job has failed.
    """
    _jobs_or_batch(jobs, batch)
    if jobs:
        for job in jobs:
            find_job(session.api, job)
        with end_of_jobs(session, jobs) as finished:
            session.output.rows(finished, COLUMNS)
        return
    stats = wait_for_batch(session.api, session.output, str(batch))
    session.output.one({"batchId": str(batch), **stats}, WATCHED_BATCH)
    if failure := batch_failure(str(batch), stats):
        raise failure


WATCHED_BATCH = (
    Column("batchId", "BATCH"),
    Column("completed", "COMPLETED", Kind.NUMBER),
    Column("failed", "FAILED", Kind.NUMBER),
)


@jobs.command(epilog=examples("diffy jobs cancel JOB", "diffy jobs cancel --batch BATCH"))
@job_arguments
@batch_option
@printing
def cancel(session: Session, jobs: tuple[str, ...], batch: object) -> None:
    """Cancel each JOB that has not finished, or those of a batch."""
    _jobs_or_batch(jobs, batch)
    if jobs:
        _act(session, jobs, "cancel")
        return
    cancelled = session.api.post(f"/api/batches/{batch}/cancel")
    columns = (Column("batchId", "BATCH"), Column("jobsCancelled", "CANCELLED", Kind.NUMBER))
    session.output.one(cancelled, columns)


@jobs.command(epilog=examples("diffy jobs promote JOB", "diffy jobs promote --batch BATCH"))
@job_arguments
@batch_option
@printing
def promote(session: Session, jobs: tuple[str, ...], batch: object) -> None:
    """Start each delayed JOB now, or those of a batch."""
    _jobs_or_batch(jobs, batch)
    if jobs:
        _act(session, jobs, "promote")
        return
    promoted = session.api.post(f"/api/jobs/promote?batchId={batch}")
    columns = (Column("batchId", "BATCH"), Column("jobsPromoted", "PROMOTED", Kind.NUMBER))
    session.output.one({"batchId": str(batch), **promoted}, columns)


def _jobs_or_batch(job_ids: tuple[str, ...], batch: object) -> None:
    if bool(job_ids) == bool(batch):
        raise BadUsage("Give the ids of jobs, or --batch. `diffy jobs list` shows the jobs.")


def _act(session: Session, job_ids: tuple[str, ...], action: str) -> None:
    done = [session.api.post(f"/api/jobs/{job_path(job_id)}/{action}") for job_id in job_ids]
    session.output.rows(done, COLUMNS)


def _some(job_ids: tuple[str, ...]) -> None:
    if not job_ids:
        raise BadUsage("Give the ids of jobs. `diffy jobs list` shows the jobs.")


@jobs.command(epilog=examples("diffy jobs retry JOB", "diffy jobs retry JOB --wait"))
@job_arguments
@waiting
@printing
def retry(session: Session, jobs: tuple[str, ...], wait: bool) -> None:
    """Run each failed JOB again, as a new job."""
    _some(jobs)
    started: list[Row] = [session.api.post(f"/api/jobs/{job_path(job)}/retry") for job in jobs]
    new = [each["jobId"] for each in started]
    if wait:
        with end_of_jobs(session, new) as finished:
            session.output.rows(finished, COLUMNS)
        return
    session.output.rows(started, (Column("jobId", "JOB"),))
    session.output.note(f"`diffy jobs watch {' '.join(new)}` follows.")
