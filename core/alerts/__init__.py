"""Alerts: which changes are told to whom and when, and the form in which they are told."""
