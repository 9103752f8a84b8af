"""The Temporal activities: each does one piece of real work against the network or the store."""
