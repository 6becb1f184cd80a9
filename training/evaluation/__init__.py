"""How well puzzles are solved: scoring, statistics, pictures of failures."""
