"""Diffy's speed and memory beside those of its peers and of the calls under it, on one machine."""
