"""What work costs the processor, on a machine of any speed."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

Result = TypeVar("Result")

ADDITIONS: Final = 200_000


def cost(work: Callable[[], Result]) -> tuple[Result, float]:
    """What `work` gives, and its cost: the additions, in millions, that a Python loop does in the
    same time of the processor.
    """
    yardsticks = [_yardstick() for _ in range(3)]
    began = time.thread_time()
    result = work()
    took = time.thread_time() - began
    yardsticks.append(_yardstick())
    return result, took / min(yardsticks) * ADDITIONS / 1e6


def _yardstick() -> float:
    began = time.thread_time()
    total = 0
    for number in range(ADDITIONS):
        total += number
    return time.thread_time() - began
