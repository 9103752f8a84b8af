"""Extraction of text and links from pages, in separate processes."""
