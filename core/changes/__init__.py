"""Detection, classification and description of changes between two versions of a page."""
