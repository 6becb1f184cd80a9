"""The trainers, and how well what they train solves puzzles."""
