"""HTTP as a polite and guarded client speaks it."""
