"""Generators for `clickorder audit --generator`, to copy from."""
