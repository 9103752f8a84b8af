"""The published contract, states and retries of jobs."""
