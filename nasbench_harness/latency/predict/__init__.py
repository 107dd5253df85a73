"""A latency table of all architectures from a few measured ones."""
