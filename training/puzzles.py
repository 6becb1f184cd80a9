"""Puzzle sets on disk: the one format for generated, recorded and benchmark puzzles."""
