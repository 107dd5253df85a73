"""CLOSE: blocks of operations shared by edges, and a gate that chooses them."""
