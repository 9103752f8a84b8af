"""The one place that starts, reads, lists, counts and acts on jobs."""
