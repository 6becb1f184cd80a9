"""Ingredients: the fonts, icons and photos that puzzles are drawn from, fetched, split and read."""
