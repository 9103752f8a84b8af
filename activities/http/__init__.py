"""The HTTP client: guarded against private addresses, limited per host, polite by robots.txt."""
