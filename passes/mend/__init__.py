"""Rewrites of what a runtime's delegate refuses into what it takes."""
