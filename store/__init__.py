"""The relational store: what jobs did. How a job goes is Temporal's knowledge alone."""
