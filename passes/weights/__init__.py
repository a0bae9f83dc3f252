"""Weights on the integer grid: rounding that uses what a layer reads, before a mode quantizes them."""
