"""Items: the characters and icons of a puzzle, and the styles that they are painted in."""
