"""The short form of `make chaos`: a few chosen faults under a small load, and the same audit."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from benchmarks.chaos.audit import audit
from benchmarks.chaos.client import Answer, Client
from benchmarks.chaos.evidence import Evidence, Paced, Run
from benchmarks.chaos.faults import Gone, Kill, Locked, Replayed
from benchmarks.chaos.load import Load
from benchmarks.chaos.run import SLOW, run, site_of
from benchmarks.chaos.watchers import LOOKS, Memory, Truth, Watchers, contradictions
from benchmarks.site import Visit, WatchedSite
from benchmarks.system import Diffy, Part
from tests.eventually import eventually

pytestmark = pytest.mark.dear


@dataclass(frozen=True)
class AttemptUnderWay:
    """No fault: the moment for one, while a worker is in the middle of an attempt."""

    site: WatchedSite
    name: str = "-"

    async def strike(self, diffy: Diffy, client: Client) -> None:
        """Return once the site holds a request."""

        async def held() -> bool:
            return any(visit.ended is None for visit in self.site.of(SLOW))

        await eventually(held, bool)


async def test_whatever_dies_no_job_is_lost_and_no_effect_doubled(tmp_path: Path) -> None:
    async with site_of(0.2) as site:
        site.slow_for = 0.6
        diffy = Diffy(tmp_path / "data")
        try:
            report = await run(
                diffy,
                site,
                seed=1,
                jobs=16,
                faults=[
                    AttemptUnderWay(site),
                    Kill((Part.WORKER, Part.SERVER), SIGKILL),
                    Locked(1),
                    Gone(0.5),
                    Replayed(5),
                ],
                pause=(0, 0),
                share=0.5,
            )
        finally:
            stopped = diffy.stop()
    assert report.wrong == []
    assert report.jobs_accepted >= 16
    assert report.answers[503] > 0
    assert "Traceback" not in diffy.errors.read_text()
    assert (stopped["exit_code"], stopped["processes_left"]) == (0, 0)


PAGE = "/news/1"


def job(job_id: str, **parts: Any) -> Any:
    """A completed crawl as the API shows it."""
    return {
        "id": job_id,
        "type": "crawl",
        "pageId": "page",
        "state": "completed",
        "progress": 100,
        "attemptsMade": 1,
        "maxAttempts": 3,
        "processedAt": "then",
        "finishedAt": "now",
        "failedReason": None,
        "returnValue": {"changed": False, "snapshotId": None, "changeId": None},
        **parts,
    }


def snapshot(number: int, job_id: str) -> Any:
    """A version of the page."""
    text = f"The plan costs ${100 + number} a month."
    return {"id": f"s{number}", "jobId": job_id, "text": text}


def visit(number: int) -> Visit:
    """A request that was shown the version of its number."""
    return Visit(PAGE, number, 0, 1, answered=True, status=200, version=number)


BASELINE = {"changed": False, "snapshotId": "s1", "changeId": None}
CHANGED = {"changed": True, "snapshotId": "s2", "changeId": "c"}
CHANGE = {"id": "c", "jobId": "two", "beforeSnapshotId": "s1", "afterSnapshotId": "s2"}
JOBS = {"one": job("one", returnValue=BASELINE), "two": job("two", returnValue=CHANGED)}
GOOD = Evidence(
    accepted=frozenset({"one"}),
    batches={"batch": 1},
    cancelled=frozenset(),
    listed=[{"id": "one", "state": "completed"}, {"id": "two", "state": "completed"}],
    jobs=JOBS,
    attempts={"one": [{"outcome": "completed"}], "two": [{"outcome": "completed"}]},
    of_batch={"batch": ["two"]},
    stats={"waiting": 0, "active": 0, "delayed": 0, "total": 0, "completed": 2, "failed": 0},
    runs=[Run("one", 1, 1), Run("two", 1, 1)],
    pages={PAGE: "page"},
    snapshots={"page": [snapshot(1, "one"), snapshot(2, "two")]},
    changes={"page": [CHANGE]},
    visits=[visit(1), visit(2)],
    seen={"two": JOBS["two"]},
    shown={"domain": {"d"}, "page": {"page"}, "snapshot": {"s1"}, "change": set()},
    stored={"domain": {"d"}, "page": {"page"}, "snapshot": {"s1", "s2"}, "change": {"c"}},
)


def test_an_audit_finds_nothing_where_nothing_is_wrong() -> None:
    assert audit(GOOD) == []


def test_a_request_of_a_quick_look_that_decided_nothing_is_explained() -> None:
    runs = [GOOD.runs[0], Run("two", 1, 1, undecided=1)]
    assert audit(replace(GOOD, runs=runs, visits=[visit(1), visit(2), visit(2)])) == []


class Scripted(Client):
    """Answers what it was told to, in turn, and the last of it again and again."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    async def ask(self, *_: Any, **__: Any) -> Answer:
        """The next answer."""
        data = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return Answer(200, data, None, 0.0, 0.0)


@pytest.mark.parametrize(
    ("looks_at_which_it_runs", "is_wrong"), [(LOOKS, True), (LOOKS - 1, False), (0, False)]
)
async def test_an_attempt_that_runs_while_no_worker_has_it_is_told_if_it_stays_so(
    looks_at_which_it_runs: int, is_wrong: bool
) -> None:
    waiting = job("one", state="waiting", progress=0, finishedAt=None, returnValue=None)
    running, back = [{"outcome": "running"}], [{"outcome": "handed_back"}]
    told = [running] * looks_at_which_it_runs + [back] * (LOOKS - looks_at_which_it_runs)
    client = Scripted(*(answer for attempts in told for answer in (attempts, waiting)))
    watchers = Watchers(
        client, Load(client, "d", {}, random.Random(1)), random.Random(1), memory=Memory()
    )
    await watchers._attempts(waiting)
    told_of = ["runs by its attempts" in each for each in watchers.memory.wrong]
    assert told_of == ([True] if is_wrong else [])


Spoil = Callable[[Evidence], Evidence]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda e: replace(e, accepted=e.accepted | {"three"}), "is lost"),
        (lambda e: replace(e, accepted=frozenset()), "nobody asked for it"),
        (lambda e: replace(e, of_batch={"batch": []}), "0 jobs of 1"),
        (lambda e: replace(e, listed=[*e.listed, e.listed[0]]), "listed 2 times"),
        (lambda e: replace(e, runs=[*e.runs, Run("one", 1, 1)]), "run 2 times"),
        (lambda e: replace(e, runs=[e.runs[0], Run("two", 2, 1)]), "closed 2 times"),
        (lambda e: replace(e, runs=[e.runs[0], Run("two", 0, 1)]), "closed 0 times"),
        (lambda e: replace(e, cancelled=frozenset({"one"})), "was cancelled"),
        (lambda e: replace(e, paced=Paced(9, [visit(1), visit(2)], 0)), "slow site was asked"),
        (lambda e: replace(e, stats={**e.stats, "completed": 1}), "statistics tell"),
        (lambda e: replace(e, stats={**e.stats, "waiting": 1}), "do not add up"),
        (lambda e: replace(e, seen={"one": job("one", state="failed")}), "and then was"),
        (lambda e: replace(e, attempts={**e.attempts, "one": []}), "and [] are told"),
        (
            lambda e: replace(e, attempts={**e.attempts, "one": [{"outcome": "running"}]}),
            "runs by its attempts",
        ),
        (lambda e: replace(e, changes={"page": [CHANGE, CHANGE]}), "2 of a kind"),
        (lambda e: replace(e, stored=e.stored | {"domain": set()}), "domain d was acknowledged"),
        (lambda e: replace(e, stored=e.stored | {"page": set()}), "page page was acknowledged"),
        (lambda e: replace(e, stored=e.stored | {"snapshot": {"s2"}}), "snapshot s1 was ack"),
        (lambda e: replace(e, stored=e.stored | {"change": set()}), "change c was acknowledged"),
        (lambda e: replace(e, changes={}), "2 snapshots and the changes {}"),
        (lambda e: replace(e, visits=[visit(1), visit(3)]), "was never shown"),
        (lambda e: replace(e, visits=[*e.visits, visit(3)]), "3 times, 2 are explained"),
        (
            lambda e: replace(e, snapshots={"page": [snapshot(2, "one"), snapshot(1, "two")]}),
            "in this order",
        ),
        (
            lambda e: replace(e, snapshots={"page": [snapshot(1, "one"), snapshot(2, "six")]}),
            "is no job",
        ),
    ],
)
def test_an_audit_finds(spoil: Spoil, told: str) -> None:
    found = audit(spoil(GOOD))
    assert any(told in each for each in found), found


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (None, {"attemptsMade": 4}, "4 attempts of 3"),
        (None, {"progress": 99}, "completed at 99 %"),
        (None, {"state": "active", "progress": 1}, "active and finished at now"),
        ({}, {"state": "active", "finishedAt": None, "progress": 1}, "and then was"),
        ({}, {"finishedAt": "later"}, "and then was"),
        ({"state": "active", "attemptsMade": 2}, {}, "attemptsMade fell"),
        ({"state": "active"}, {"state": "failed", "progress": 80}, "progress fell"),
    ],
)
def test_watchers_find(before: Any, now: Any, told: str) -> None:
    seen = None if before is None else job("one", **before)
    found = list(contradictions(seen, job("one", **now)))
    assert any(told in each for each in found), found


def told(state: str, sent: float) -> Answer:
    """An answer about a job, a second after it was asked for."""
    return Answer(200, {"state": state}, None, sent, sent + 1)


@pytest.mark.parametrize(
    ("held", "answers", "longest"),
    [
        (Visit("/slow/1", 1, 10), [told("active", 11), told("active", 20)], {}),
        (Visit("/slow/1", 1, 10), [told("waiting", 9)], {}),
        (
            Visit("/slow/1", 1, 10),
            [told("waiting", 11), told("waiting", 13), told("active", 15)],
            {"waiting, while a worker was at it": 4},
        ),
        (
            Visit("/slow/1", 1, 10, 12),
            [told("active", 13), told("active", 20), told("delayed", 21), told("active", 22)],
            {"active, while its worker was dead": 9},
        ),
        (Visit("/slow/1", 1, 10, 12, answered=True), [told("active", 13)], {}),
    ],
)
def test_the_longest_time_that_a_state_was_wrong(
    held: Visit, answers: list[Answer], longest: dict[str, float]
) -> None:
    truth = Truth(Client("http://127.0.0.1:1"), WatchedSite(), "/slow/1")
    for answer in answers:
        truth.compare(answer, [held])
    assert truth.longest == longest
