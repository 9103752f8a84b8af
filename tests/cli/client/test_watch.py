"""Watching jobs over a connection that is lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from cli.client import watch
from cli.client.api import Api, Event
from cli.client.errors import Interrupted, NoConnection
from cli.client.output import Format, Output
from cli.client.profiles import Connection
from cli.client.watch import job_states, wait_for_batch, wait_for_jobs

LOST = NoConnection("lost")


def event(state: str, progress: int) -> Event:
    """An event of a job."""
    job = {
        "id": "j",
        "type": "crawl",
        "url": "http://a.example/",
        "state": state,
        "progress": progress,
        "attemptsMade": 1,
        "failedReason": None,
    }
    return Event(f"{state}.1.{progress}", job)


class FakeApi(Api):
    """An API whose streams and statistics are these, in turn; an error is raised."""

    def __init__(self, *turns: Any) -> None:
        super().__init__(Connection("http://127.0.0.1:1", "k"))
        self.turns = list(turns)
        self.asked_after: list[str | None] = []

    def events(self, path: str, last_id: str | None) -> Iterator[Event]:
        """The next stream."""
        self.asked_after.append(last_id)
        for each in self.turns.pop(0):
            if isinstance(each, BaseException):
                raise each
            yield each

    def get(self, path: str, **query: object) -> Any:
        """The next statistics."""
        each = self.turns.pop(0)
        if isinstance(each, BaseException):
            raise each
        waiting, completed, failed = each
        active = {"active": 0, "delayed": 0}
        counts = {"waiting": waiting, "completed": completed, "failed": failed, "total": waiting}
        return {**active, **counts}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits."""
    monkeypatch.setattr(watch, "RECONNECT_PAUSE", 0.0)
    monkeypatch.setattr(watch, "SHORTEST_POLL", 0.0)


def test_a_stream_that_breaks_goes_on_after_its_last_event() -> None:
    api = FakeApi([event("active", 10), LOST], [LOST], [], [event("completed", 100)])
    assert [job["progress"] for job in job_states(api, "j")] == [10, 100]
    assert api.asked_after == [None, *["active.1.10"] * 3]


def test_an_api_that_is_not_there_at_first_is_told_at_once() -> None:
    with pytest.raises(NoConnection):
        list(job_states(FakeApi([LOST]), "j"))


def test_a_connection_that_stays_lost_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "RECONNECT_FOR", 0.0)
    with pytest.raises(NoConnection, match="jobs go on"):
        list(job_states(FakeApi([event("active", 10), LOST], *[[LOST]] * 1000), "j"))


def test_a_batch_is_waited_for_over_a_lost_connection(capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeApi((2, 0, 0), LOST, (1, 1, 0), (0, 1, 0), (0, 1, 1))
    stats = wait_for_batch(api, Output(Format.JSON), "b", 2)
    assert (stats["completed"], stats["failed"]) == (1, 1)
    assert capsys.readouterr().err.splitlines()[-1] == "2 of 2 jobs finished, 1 failed"


def test_a_batch_without_jobs_is_over() -> None:
    assert wait_for_batch(FakeApi((0, 0, 0)), Output(Format.JSON), "b", 0)["total"] == 0


def test_ctrl_c_says_that_the_work_goes_on() -> None:
    api = FakeApi([event("active", 10), KeyboardInterrupt()])
    with pytest.raises(Interrupted, match="diffy jobs watch j") as ended:
        wait_for_jobs(api, Output(Format.JSON), ["j"])
    assert ended.value.exit_code == 130
