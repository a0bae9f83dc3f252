"""Representative data: reading samples, calibration, and recorded ranges."""
