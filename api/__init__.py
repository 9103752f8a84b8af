"""The REST API: it translates between HTTP, the store and Temporal, and decides nothing."""
