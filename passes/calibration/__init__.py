"""Passes and rules that record what values range over while samples run."""
