"""A reference interpreter of the `tfl` dialect in numpy."""
