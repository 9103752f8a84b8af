"""The `diffy` command, and the embedded stack of `diffy up`."""
