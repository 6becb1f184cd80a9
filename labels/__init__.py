"""Labelled pictures of the user: read, check, split, prelabel, crop, group, review."""
