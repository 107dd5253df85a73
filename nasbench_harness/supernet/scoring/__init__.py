"""Scoring many architectures with trained weights."""
