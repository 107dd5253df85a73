"""Scores and a truth in, what a record says of them out."""
