"""Representative data: where samples are read from, calibration with them, and the ranges that it records."""
