"""Training: samplers, budget, and the trainer of one supernet."""
