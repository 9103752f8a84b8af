"""The Temporal workflows: they orchestrate activities and make decisions, without any I/O."""
