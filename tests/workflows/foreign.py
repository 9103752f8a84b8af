"""A workflow that shares no code with Diffy, as another team would write it, in another language
for all that it knows: names, JSON and a task queue of its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, ChildWorkflowError
from temporalio.worker import Worker


@workflow.defn(name="foreign.parent")
class Parent:
    """Runs one child and answers what the child does."""

    @workflow.run
    async def run(self, child: str, child_id: str, arguments: list[Any]) -> Any:
        """The result of the child; its failure is the parent's."""
        return await workflow.execute_child_workflow(
            child, args=arguments, id=child_id, task_queue="diffy"
        )


@dataclass(frozen=True)
class ForeignTeam:
    """Starts jobs as children, through a client of its own (the SDK's default data converter)."""

    client: Client
    task_queue: str = field(default_factory=lambda: f"foreign-{uuid4().hex}")

    async def start(self, child: str, child_id: str, *arguments: Any) -> WorkflowHandle[Any, Any]:
        """A parent that runs `child` with `arguments`."""
        return await self.client.start_workflow(
            "foreign.parent",
            args=[child, child_id, list(arguments)],
            id=f"parent-of-{child_id}",
            task_queue=self.task_queue,
        )

    async def error_of(self, child: str, *arguments: Any) -> ApplicationError:
        """The error that `child` fails with when it is started with `arguments`."""
        parent = await self.start(child, f"child-{uuid4().hex}", *arguments)
        with pytest.raises(WorkflowFailureError) as failed:
            await parent.result()
        assert isinstance(failed.value.cause, ChildWorkflowError), failed.value.cause
        error = failed.value.cause.cause
        assert isinstance(error, ApplicationError), error
        return error


@asynccontextmanager
async def foreign_team(address: str) -> AsyncIterator[ForeignTeam]:
    """A team whose worker runs for the length of the block."""
    team = ForeignTeam(await Client.connect(address))
    async with Worker(team.client, task_queue=team.task_queue, workflows=[Parent]):
        yield team
