"""How good a compiled model is, and what is chosen by measuring it."""
