"""The Temporal workflows: they orchestrate and decide, and do nothing else."""
