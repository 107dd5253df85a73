"""Training a table of truth of one's own."""
