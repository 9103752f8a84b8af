"""What a process writes about itself: one line an event, with nothing secret in it."""
