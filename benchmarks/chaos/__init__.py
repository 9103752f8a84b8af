"""Kills parts of a running system under load and audits what is left: `make chaos`."""
