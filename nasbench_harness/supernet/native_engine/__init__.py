"""The supernet on the native kernels."""
