"""Rewrites that leave every output bit-identical and make a model smaller: one normal form, and nothing twice."""
