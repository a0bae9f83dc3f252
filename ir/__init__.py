"""The IR: the `tfl` and `quant` dialects, constants that are views, and the flatbuffer schema as data."""
