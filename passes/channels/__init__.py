"""Removal of channels that are constant or that nothing reads."""
