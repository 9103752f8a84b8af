"""The commands that use a running installation."""
