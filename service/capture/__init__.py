"""Keeping puzzles that were not solved, where that is switched on."""
