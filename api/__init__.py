"""The REST API: translates between HTTP, the store and Temporal, and decides nothing."""
