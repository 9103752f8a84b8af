"""The retry policy of jobs."""

from core.jobs.retries import INITIAL_RETRY_DELAY
from workflows.policies import HEARTBEAT_TIMEOUT, retry_policy


def test_after_the_death_of_a_worker_the_next_attempt_is_due_soon_however_many_died() -> None:
    policy = retry_policy(4)
    assert policy.maximum_attempts == 4
    assert (policy.initial_interval, policy.backoff_coefficient) == (INITIAL_RETRY_DELAY, 1)
    assert (HEARTBEAT_TIMEOUT + INITIAL_RETRY_DELAY).total_seconds() < 15
