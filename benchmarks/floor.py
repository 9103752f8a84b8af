"""The floor of the benchmarks: an empty one-activity workflow with our attributes and memo."""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from uuid import uuid4

import uvloop
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import Priority
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from core.jobs.contract import FinalReport, MemoKey, Owner, Subject
from core.jobs.states import JobState
from temporal.inputs import DATA_CONVERTER
from workflows.search_attributes import attributes_of

QUEUE: Final = "floor"
PARALLEL_STARTS: Final = 8


@activity.defn
async def nothing() -> None:
    """Do nothing."""


@workflow.defn(sandboxed=False)
class Empty:
    """One ordinary activity, and the memo that a job writes at its end."""

    @workflow.run
    async def run(self) -> None:
        """Run the activity."""
        await workflow.execute_activity(nothing, start_to_close_timeout=timedelta(minutes=1))
        workflow.upsert_memo({MemoKey.ENDING: FinalReport(attempts_made=1)})


async def start_floor(client: Client, number: int) -> Sequence[str]:
    """Start so many empty workflows; their ids."""
    owner = Owner(org_id=uuid4(), domain_id=uuid4(), page_id=uuid4(), url="http://a/", host="a")
    places = asyncio.Semaphore(PARALLEL_STARTS)

    async def start() -> str:
        async with places:
            handle = await client.start_workflow(
                Empty.run,
                id=f"floor-{uuid4().hex}",
                task_queue=QUEUE,
                search_attributes=attributes_of(owner, JobState.WAITING, batch_id=uuid4()),
                memo={MemoKey.SUBJECT: Subject.of(owner, 3)},
                priority=Priority(fairness_key="a"),
            )
            return handle.id

    return await asyncio.gather(*(start() for _ in range(number)))


@asynccontextmanager
async def floor_worker(address: str) -> AsyncIterator[None]:
    """A worker process for the floor, for the length of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.floor", address)
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def _serve(address: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(address, data_converter=DATA_CONVERTER)
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[Empty],
        activities=[nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
        disable_eager_activity_execution=True,
    ):
        await stop.wait()


def main() -> None:
    """Be the worker of the floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    address = parser.parse_args().address
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(address))


if __name__ == "__main__":
    main()
