"""What a page says: its visible text and how it is stored."""
