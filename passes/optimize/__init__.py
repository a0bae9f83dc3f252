"""Rewrites that make a model smaller or faster without changing what it computes."""
