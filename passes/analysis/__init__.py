"""Passes that change nothing: their results are tables in their reports."""
