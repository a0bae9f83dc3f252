"""Passes that fit a program to the kernels of a target."""
