"""How often and how fast a job is tried again."""

from core.retries import FIRST_PAUSE, GROWTH, LONGEST_PAUSE
from workflows.policies import capped


def test_the_retry_policy_of_a_job_grows_up_to_its_caps() -> None:
    policy = capped(4)
    assert policy.maximum_attempts == 4
    assert (policy.initial_interval, policy.backoff_coefficient) == (FIRST_PAUSE, GROWTH)
    assert policy.maximum_interval == LONGEST_PAUSE
