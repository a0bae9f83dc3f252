"""Sparse weights: pruning, encoding, and the rewrites that let kernels read them."""
