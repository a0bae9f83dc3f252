"""Passes that replace ops without an integer kernel by ops that have one."""
