"""`diffy discover`, `diffy crawl`: start work; and what follows a wait for it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from cli.client.api import Row
from cli.client.errors import ClientError
from cli.client.find import find_domain, find_page
from cli.client.output import Column, Kind
from cli.client.session import Session, examples, printing, waiting
from cli.client.terminal_text import one_line
from cli.client.watch import described, wait_for_batch, wait_for_jobs

DISCOVERY_COLUMNS = (
    Column("id", "ID"),
    Column("state", "STATE", Kind.WORD),
    Column("failedReason", "REASON"),
    Column("returnValue", "RESULT"),
)
BATCH_COLUMNS = (
    Column("batchId", "BATCH"),
    Column("jobsQueued", "JOBS", Kind.NUMBER),
    Column("completed", "COMPLETED", Kind.NUMBER),
    Column("failed", "FAILED", Kind.NUMBER),
)

delay_option = click.option(
    "--delay", type=click.IntRange(0), metavar="SECONDS", help="Start this much later."
)
attempts_option = click.option(
    "--attempts", type=click.IntRange(1), metavar="N", help="Number of attempts of a job."
)


def failure_of(jobs: Sequence[Row]) -> ClientError | None:
    """The error of a wait for jobs of which some have failed."""
    failed = [job for job in jobs if job["state"] == "failed"]
    if not failed:
        return None
    reasons = "\n  ".join(
        f"{described(job)}: {one_line(job['failedReason'] or '')} `diffy jobs show {job['id']}` "
        f"shows its attempts, `diffy jobs retry {job['id']}` runs it again."
        for job in failed
    )
    return ClientError(f"{len(failed)} of {len(jobs)} jobs failed.\n  {reasons}")


@contextmanager
def end_of_jobs(session: Session, job_ids: Sequence[str]) -> Iterator[list[Row]]:
    """Wait for the jobs, print in the block, then fail if one of them has failed."""
    jobs = wait_for_jobs(session.api, session.output, job_ids)
    yield jobs
    if failure := failure_of(jobs):
        raise failure


def batch_failure(batch_id: str, stats: Row) -> ClientError | None:
    """The error of a wait for a batch of which some jobs have failed."""
    if not stats["failed"]:
        return None
    return ClientError(
        f"{stats['failed']} jobs failed. `diffy jobs list --batch {batch_id} --status failed` "
        "shows them and why."
    )


@click.command(
    epilog=examples(
        "diffy discover shop.example --wait",
        "diffy discover shop.example --max-pages 200 --include '/docs/*' --exclude '/docs/old/*'",
    )
)
@click.argument("domain")
@click.option("--max-pages", type=click.IntRange(1), metavar="N", help="Add this many at most.")
@click.option("--max-depth", type=click.IntRange(0), metavar="N", help="Links to follow in a row.")
@click.option("--include", metavar="GLOB", multiple=True, help="Only paths that match.")
@click.option("--exclude", metavar="GLOB", multiple=True, help="No paths that match.")
@delay_option
@attempts_option
@waiting
@printing
def discover(
    session: Session,
    domain: str,
    max_pages: int | None,
    max_depth: int | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    delay: int | None,
    attempts: int | None,
    wait: bool,
) -> None:
    """Look for new pages of DOMAIN, an id or a name."""
    body: Row = {
        "maxPages": max_pages,
        "maxDepth": max_depth,
        "include": list(include) or None,
        "exclude": list(exclude) or None,
        "delaySeconds": delay,
        "maxAttempts": attempts,
    }
    path = f"/api/domains/{find_domain(session.api, domain)['id']}/discover"
    started = session.api.post(path, _given(body))
    if wait:
        with end_of_jobs(session, [started["jobId"]]) as [job]:
            session.output.one(job, DISCOVERY_COLUMNS)
        return
    session.output.one(started, (Column("jobId", "JOB"),))
    session.output.note(f"`diffy jobs watch {started['jobId']}` follows it.")


@click.command(
    epilog=examples(
        "diffy crawl shop.example --wait",
        "diffy crawl shop.example --page /pricing --page / --wait --json",
    )
)
@click.argument("domain")
@click.option(
    "--page", "pages", metavar="PAGE", multiple=True, help="Only this one: an id, URL or path."
)
@delay_option
@attempts_option
@waiting
@printing
def crawl(
    session: Session,
    domain: str,
    pages: tuple[str, ...],
    delay: int | None,
    attempts: int | None,
    wait: bool,
) -> None:
    """Check the monitored pages of DOMAIN, an id or a name, for changes: a batch of jobs."""
    found = find_domain(session.api, domain)
    ids = [find_page(session.api, page, found["id"])["id"] for page in pages]
    body: Row = {"pageIds": ids or None, "delaySeconds": delay, "maxAttempts": attempts}
    started = session.api.post(f"/api/domains/{found['id']}/crawl", _given(body))
    batch_id, size = started["batchId"], started["jobsQueued"]
    if not wait:
        session.output.one(started, BATCH_COLUMNS[:2])
        session.output.note(f"`diffy jobs watch --batch {batch_id}` follows it.")
        return
    stats = wait_for_batch(session.api, session.output, batch_id, size)
    done = {name: stats[name] for name in ("completed", "failed")}
    session.output.one({**started, **done}, BATCH_COLUMNS)
    session.output.note(f"`diffy changes list --domain {found['domain']}` shows what changed.")
    if failure := batch_failure(batch_id, stats):
        raise failure


def _given(body: Row) -> Row:
    return {name: value for name, value in body.items() if value is not None}
