"""PAD-NAS: search, prune and fine-tune inside a window of cost."""
