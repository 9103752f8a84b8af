"""Which workflows a channel may signal: those that the operator has named."""

from dataclasses import dataclass
from typing import Final

QUEUE: Final = "queue:"

NOT_ALLOWED: Final = "DIFFY_SIGNAL_TARGETS does not allow this workflow."


@dataclass(frozen=True)
class SignalTargets:
    """Ids of workflows, starts of ids, and task queues.

    `text` has them with commas between: `reprice`, `pricing-*`, `queue:pricing`. Without any,
    nothing may be signalled.
    """

    text: str = ""

    @property
    def _entries(self) -> list[str]:
        return [entry for each in self.text.split(",") if (entry := each.strip())]

    @property
    def is_empty(self) -> bool:
        """Whether nothing may be signalled."""
        return not self._entries

    def allow(self, workflow_id: str, task_queue: str | None) -> bool:
        """Whether the workflow may be signalled; without its `task_queue`, whether it might be."""
        return any(self._allows(each, workflow_id, task_queue) for each in self._entries)

    @staticmethod
    def _allows(entry: str, workflow_id: str, task_queue: str | None) -> bool:
        if entry.startswith(QUEUE):
            return task_queue is None or task_queue == entry.removeprefix(QUEUE)
        if entry.endswith("*"):
            return workflow_id.startswith(entry[:-1])
        return workflow_id == entry
