"""Few-shot training: one sub-supernet for each leaf of a partition."""
