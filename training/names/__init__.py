"""Names: the vocabulary, the network that names drawings, and its prototypes."""
