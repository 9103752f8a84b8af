"""The text of pages: extraction, areas, and stored form."""
