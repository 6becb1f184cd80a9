"""The generator: puzzles, prompt pictures and crops, drawn from packaged ingredients."""
