"""Passes that give integer forms to ops without an integer kernel of their own."""
