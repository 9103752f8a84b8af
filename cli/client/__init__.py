"""The commands of `diffy` that use a running installation, through its REST API only.

A module imports `click` and the standard library at its head, and the rest where it is used: so
`diffy --help` stays fast.
"""
