"""Measuring latencies on this machine."""
