"""Talking to Temporal: the connection, the namespace's set-up, starting jobs."""
