"""Slow or comparative work, one script a figure, run by hand: `python -m benchmarks.NAME`."""
