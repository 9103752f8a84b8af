"""Rules and vocabulary: pure functions and types that every other package shares."""
