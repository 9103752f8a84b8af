"""Stops what runs, or breaks what it calls, at each of its steps in turn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from unittest.mock import patch

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.service import RPCError, RPCStatusCode

from core.errors import Unavailable
from tests.system import System


class Stopped(BaseException):
    """The process that ran the step is no more."""


class Fault(StrEnum):
    """What happens at a step: a call of Temporal, or a commit."""

    STOP = "stop"  # the process ends before it
    AWAY = "away"  # Temporal is gone from here on: only its calls are steps
    LATE = "late"  # whoever asked for it hears of a failure, and then it is done all the same


@dataclass
class Steps:
    """The steps of what runs in a block: how many there were, and whether a fault was met.

    `schedules` are the ids of those that were to be made in it.
    """

    at: int
    fault: Fault
    count: int = 0
    schedules: list[str] = field(default_factory=list)

    @property
    def met(self) -> bool:
        """Whether what ran came to the step of the fault."""
        return self.count >= self.at

    def step(self) -> bool:
        """The next step begins; whether it is the one that is late."""
        self.count += 1
        if self.fault is Fault.STOP and self.met:
            raise Stopped
        return self.fault is Fault.LATE and self.count == self.at


@asynccontextmanager
async def faulty(system: System, at: int, fault: Fault) -> AsyncIterator[Steps]:
    """Have the `at`th step in the block meet with the fault, counted from 1. A call that is late
    is done at the end of the block.
    """
    steps = Steps(at, fault)
    service = system.client.service_client
    call, commit = service._rpc_call, AsyncSession.commit
    late: list[dict[str, Any]] = []

    async def called(**asked: Any) -> Any:
        is_late = steps.step()
        if asked["rpc"] == "create_schedule":
            steps.schedules.append(asked["req"].schedule_id)
        if steps.fault is Fault.AWAY and steps.met:
            raise RPCError("gone", RPCStatusCode.UNAVAILABLE, b"")
        if is_late:
            late.append(asked)
            raise RPCError("late", RPCStatusCode.DEADLINE_EXCEEDED, b"")
        return await call(**asked)

    async def committed(session: AsyncSession) -> None:
        is_late = steps.fault is not Fault.AWAY and steps.step()
        await commit(session)
        if is_late:
            raise Unavailable("The connection broke.")

    with (
        patch.object(service, "_rpc_call", called),
        patch.object(AsyncSession, "commit", committed),
    ):
        yield steps
    for asked in late:
        with suppress(RPCError):  # as by a server that nobody listens to
            await call(**asked)
