"""The IR: the `tfl` and `quant` dialects, constants that are views of the file, and the flatbuffer schema as data."""
