"""Cross-layer equalization: scales of channels move from the weights that make them to those that read them."""
