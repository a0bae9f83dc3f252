"""Passes that make float models of quantized ones."""
