"""The best architectures under a constraint, and smaller spaces that keep them."""
