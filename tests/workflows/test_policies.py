"""How often and how fast a job is tried again."""

from core.jobs.retries import FIRST_PAUSE
from workflows.policies import HEARTBEAT_TIMEOUT, capped


def test_after_the_death_of_a_worker_the_next_attempt_is_due_soon_however_many_died() -> None:
    policy = capped(4)
    assert policy.maximum_attempts == 4
    assert (policy.initial_interval, policy.backoff_coefficient) == (FIRST_PAUSE, 1)
    assert (HEARTBEAT_TIMEOUT + FIRST_PAUSE).total_seconds() < 15
