"""What counts as a change of a page, and what is said of it."""
