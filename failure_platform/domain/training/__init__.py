"""Training: split, families in competition, calibration and threshold."""
