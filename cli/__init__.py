"""The `diffy` command and the embedded stack that it runs."""
