"""The relational store: the results of jobs. The state of a job is in Temporal only."""
