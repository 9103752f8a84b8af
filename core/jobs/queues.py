"""The task queues of an installation, by the kind of work."""

from enum import StrEnum

from core.jobs.states import TASK_QUEUE


class Queue(StrEnum):
    """A kind of work that workers may do apart from the others.

    `CHECKS` has the workflows, with the quick looks that most checks need only, and what is no
    attempt: batches, notifications, housekeeping. `READING` has the attempts that read pages, and
    backtests. `RENDERING` has those of them that need a browser, if they began in a worker that has
    none.
    """

    CHECKS = "checks"
    READING = "reading"
    RENDERING = "rendering"

    @property
    def task_queue(self) -> str:
        """The name of the queue in Temporal."""
        return TASK_QUEUE if self is Queue.CHECKS else f"{TASK_QUEUE}-{self}"


ALL_QUEUES = frozenset(Queue)
