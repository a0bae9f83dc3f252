"""Passes that change nothing: what they find is in the tables of their reports."""
