"""Clients that programs generate of the OpenAPI document."""
