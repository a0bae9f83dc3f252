"""Passes over modules of the `tfl` dialect; `registry` lists them, `base` says what a pass is."""
