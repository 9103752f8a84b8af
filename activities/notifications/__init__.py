"""Delivery of changes to channels: webhooks, e-mail, signals."""
