"""The parts of a discovery: its lock, seeds, candidates, visits and the walk."""
