"""Places for jobs that a worker starts and begins itself."""

import asyncio
from typing import Final

HELD_AT_MOST: Final = 3.0
"""Seconds after which the place of a job becomes free whatever happened to the job."""


class Places:
    """A number of places; a job that is started eagerly has one until its quick look has ended.

    To start a job costs less than to work it. Without a bound the jobs in hand would be so many
    that none of them ends in its time.
    """

    def __init__(self, number: int) -> None:
        self._free = asyncio.Semaphore(number)
        self._held: dict[str, asyncio.TimerHandle] = {}

    async def take(self, job_id: str, until: float) -> bool:
        """Whether the job got a place before `until`, in seconds of the event loop's clock."""
        if job_id in self._held:
            return False
        loop = asyncio.get_running_loop()
        if self._free.locked():
            try:
                async with asyncio.timeout_at(until):
                    await self._free.acquire()
            except TimeoutError:
                return False
        else:
            await self._free.acquire()
        self._held[job_id] = loop.call_later(HELD_AT_MOST, self.free, job_id)
        return True

    def free(self, job_id: str) -> None:
        """Free the place of the job, if it has one."""
        timer = self._held.pop(job_id, None)
        if timer is not None:
            timer.cancel()
            self._free.release()

    @property
    def held(self) -> int:
        """The number of places that are not free."""
        return len(self._held)
