"""A workflow of another team that discovers the pages of a domain as one of its steps.

It shares no code with Diffy, only what docs/reference/workflows.md promises: names, JSON, a task
queue.

    .venv/bin/python examples/discover_as_child.py DOMAIN_ID [TEMPORAL_ADDRESS]

prints the discovery's result. DOMAIN_ID is the id of a registered domain, TEMPORAL_ADDRESS by
default that of the embedded server, 127.0.0.1:7233.
"""

import asyncio
import gc
import json
import sys
from typing import Any
from uuid import uuid4

from temporalio import workflow
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ChildWorkflowError
from temporalio.worker import Worker

OUR_TASK_QUEUE = "market-research"


@workflow.defn(name="research.competitor")
class ResearchCompetitor:
    """Looks at a competitor; finding the pages of its site comes first."""

    @workflow.run
    async def run(self, domain_id: str) -> dict[str, Any]:
        """What the discovery found, or why it found nothing."""
        try:
            found: dict[str, Any] = await workflow.execute_child_workflow(
                "discover.pages",
                {"domainId": domain_id, "maxPages": 200, "maxDepth": 3},
                id=f"research-{workflow.uuid4()}",
                task_queue="diffy",
            )
        except ChildWorkflowError as error:
            if isinstance(error.cause, ApplicationError):
                return {"error": error.cause.type, "reason": error.cause.message}
            raise
        return found


async def main(domain_id: str, address: str = "127.0.0.1:7233") -> None:
    """Run the workflow once, with a worker of its own."""
    client = await Client.connect(address)
    async with Worker(client, task_queue=OUR_TASK_QUEUE, workflows=[ResearchCompetitor]):
        result = await client.execute_workflow(
            "research.competitor",
            domain_id,
            id=f"research-competitor-{uuid4()}",
            task_queue=OUR_TASK_QUEUE,
        )
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
    gc.collect()  # the SDK may crash at exit while a client is left
