"""Rewrites that make a model smaller or faster and leave what it computes as it is."""
