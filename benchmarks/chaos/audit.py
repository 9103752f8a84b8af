"""What the evidence of a run proves wrong. Nothing here looks at a clock."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from benchmarks.chaos.evidence import Evidence
from benchmarks.chaos.watchers import contradictions, miscounted, misremembered
from benchmarks.site import version_in


def audit(found: Evidence) -> list[str]:
    """Everything that is wrong; nothing is as it should be."""
    return [
        *every_accepted_job_ended(found),
        *nothing_shown_is_missing(found),
        *states_agree(found),
        *doubled(found),
    ]


def doubled(found: Evidence) -> list[str]:
    """What happened more than once, or is stored in another order than it was shown."""
    return [
        *each_job_ended_once(found),
        *snapshots_and_changes_follow_the_site(found),
        *no_page_was_fetched_more_often_than_explained(found),
        *the_crawl_delay_was_kept(found),
    ]


def every_accepted_job_ended(found: Evidence) -> Iterator[str]:
    """Each of them, those of batches among them, and none that nobody asked for."""
    members = {job_id for ids in found.of_batch.values() for job_id in ids}
    for batch_id, size in found.batches.items():
        if len(found.of_batch[batch_id]) != size:
            yield f"batch {batch_id} has {len(found.of_batch[batch_id])} jobs of {size}"
    listed = {row["id"] for row in found.listed}
    for job_id in sorted((found.accepted | members) - listed):
        yield f"{job_id} was accepted and is lost"
    for job_id in sorted(listed - found.accepted - members):
        yield f"{job_id} was made and nobody asked for it"
    for job in found.jobs.values():
        if job["finishedAt"] is None:
            yield f"{job['id']} has not ended: {job['state']}"


def nothing_shown_is_missing(found: Evidence) -> Iterator[str]:
    """Every domain, page, snapshot and change that a client has seen, or was told of in the result
    of a job, is there still.
    """
    told = {kind: set(ids) for kind, ids in found.shown.items()}
    for job in found.seen.values():
        result = job["returnValue"] or {}
        for kind in ("snapshot", "change"):
            told[kind] |= {row_id} if (row_id := result.get(f"{kind}Id")) else set()
    told["page"] |= set(found.pages.values())
    for kind, ids in told.items():
        for row_id in sorted(ids - found.stored[kind]):
            yield f"{kind} {row_id} was acknowledged and is missing"


def each_job_ended_once(found: Evidence) -> Iterator[str]:
    """One row in the list, one execution, one closing event."""
    for job_id, count in Counter(row["id"] for row in found.listed).items():
        if count != 1:
            yield f"{job_id} is listed {count} times"
    for job_id, count in Counter(run.job_id for run in found.runs).items():
        if count != 1:
            yield f"{job_id} was run {count} times"
    for run in found.runs:
        if run.closes != 1:
            yield f"{run.job_id} was closed {run.closes} times"
    if {run.job_id for run in found.runs} != set(found.jobs):
        yield "Temporal and the API tell of different jobs"


def states_agree(found: Evidence) -> Iterator[str]:
    """The list, each job, the statistics, and what watchers have seen of it before."""
    for row in found.listed:
        job = found.jobs[row["id"]]
        if any(job[key] != value for key, value in row.items()):
            yield f"{row['id']} is listed as {row} and shown as {job}"
    for job_id, job in found.jobs.items():
        yield from contradictions(found.seen.get(job_id), job)
        yield from misremembered(job, found.attempts[job_id])
    for job_id in found.cancelled:
        if found.jobs[job_id]["state"] != "failed":
            yield f"{job_id} was cancelled and is {found.jobs[job_id]['state']}"
    yield from miscounted(found.stats)
    counts = Counter(job["state"] for job in found.jobs.values())
    told = {state: found.stats[state] for state in ("completed", "failed")}
    if told != {state: counts[state] for state in told} or found.stats["total"]:
        yield f"statistics tell {found.stats} of {dict(counts)}"


def snapshots_and_changes_follow_the_site(found: Evidence) -> Iterator[str]:
    """For each page: what is stored was shown, in that order, and nothing is double or missing."""
    shown = {(visit.path, visit.version) for visit in found.visits if visit.answered}
    for path, page_id in found.pages.items():
        snapshots = found.snapshots[page_id]
        versions = [version_in(each["text"]) for each in snapshots]
        if any(later <= earlier for earlier, later in pairwise(versions)):
            yield f"{path}: the versions {versions} were stored in this order"
        for version in versions:
            if (path, version) not in shown:
                yield f"{path}: version {version} is stored, and was never shown"
        # The last crawl of all was alone with the site.
        last = max(v.version for v in found.visits if v.path == path and v.status in (200, 304))
        if not path.startswith("/gone/") and (not versions or versions[-1] != last):
            yield f"{path}: version {last} was shown last, {versions} are stored"
        yield from chained(path, snapshots, found.changes.get(page_id, []))
        yield from results_agree(path, page_id, found)


def chained(path: str, snapshots: list[Any], changes: list[Any]) -> Iterator[str]:
    """Each snapshot but the first is what exactly one change led to, from the one before it."""
    ids = [each["id"] for each in snapshots]
    news = [each for each in changes if each["afterSnapshotId"] not in (None, _before(each))]
    links = Counter((_before(each), each["afterSnapshotId"]) for each in news)
    if links != Counter(pairwise(ids)):
        yield f"{path}: {len(ids)} snapshots and the changes {dict(links)}"
    removed = sum(each["afterSnapshotId"] is None for each in changes)
    restored = sum(each["afterSnapshotId"] == _before(each) for each in changes)
    if not 0 <= removed - restored <= 1:
        yield f"{path}: removed {removed} times and restored {restored} times"
    for owner in (snapshots, changes):
        for job_id, count in Counter(each["jobId"] for each in owner).items():
            if count != 1:
                yield f"{path}: {job_id} stored {count} of a kind"


def results_agree(path: str, page_id: str, found: Evidence) -> Iterator[str]:
    """What completed crawls returned is what is stored of them."""
    snapshots = {each["jobId"]: each["id"] for each in found.snapshots[page_id]}
    changes = {each["jobId"]: each["id"] for each in found.changes.get(page_id, [])}
    for job_id in {*snapshots, *changes} - set(found.jobs):
        yield f"{path}: {job_id} stored something, and is no job"
    for job in found.jobs.values():
        if job["pageId"] != page_id or job["state"] != "completed":
            continue
        result = job["returnValue"]
        stored = (snapshots.get(job["id"]), changes.get(job["id"]))
        if stored != (result["snapshotId"], result["changeId"]):
            yield f"{path}: {job['id']} returned {result}, and stored {stored}"
        if result["changed"] != (result["changeId"] is not None):
            yield f"{path}: {job['id']} returned {result}"


def no_page_was_fetched_more_often_than_explained(found: Evidence) -> Iterator[str]:
    """By each attempt of a crawl once, and by each attempt of a discovery once.

    An attempt that is handed back may ask again when it goes on, so what counts is how often
    Temporal had the activity begun. A quick look that decided nothing may have asked as well.
    """
    begun = Counter[str]()
    for run in found.runs:
        begun[run.job_id] += run.begun + run.undecided
    crawls, discoveries = Counter[str](), 0
    for job in found.jobs.values():
        explained = max(begun[job["id"]], job["attemptsMade"])
        if job["id"] in found.cancelled:
            explained = begun[job["id"]] + job["attemptsMade"]
        if job["type"] == "discover":
            discoveries += explained
        else:
            crawls[job["pageId"]] += explained
    asked = Counter(visit.path for visit in found.visits)
    for path, page_id in found.pages.items():
        explained = crawls[page_id] + discoveries
        if asked[path] > explained:
            yield f"{path} was fetched {asked[path]} times, {explained} are explained"


def the_crawl_delay_was_kept(found: Evidence) -> Iterator[str]:
    """A worker that is stopped between taking its slot and sending its request may send it late,
    beside the one of the next slot: once for each fault.
    """
    if found.paced is None or not found.paced.visits:
        return
    arrived = sorted(each.arrived for each in found.paced.visits)
    most = 1 + (arrived[-1] - arrived[0]) / found.paced.delay + found.paced.strikes
    if len(arrived) > most:
        yield f"the slow site was asked {len(arrived)} times, {most:.1f} are allowed"


def failures(jobs: Iterable[Any]) -> dict[str, int]:
    """Why jobs failed, and how many for each reason."""
    return dict(Counter(str(job["failedReason"]) for job in jobs if job["state"] == "failed"))


def _before(change: Any) -> Any:
    return change["beforeSnapshotId"]
