"""Rendering of pages in a browser, behind a guarding proxy."""
