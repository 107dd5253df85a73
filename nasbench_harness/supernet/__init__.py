"""The weight-sharing network, its operations, and the scoring of many architectures."""
