"""What other tools export, as pages to import: readers of files, which may be hostile."""
