"""The vehicles to predict: their prediction points, their labels, and the days for which failures are known.

Rules on the lake's tables belong here. Features (`domain.features`) and maintaining the vehicles table
(`resources.vehicles`) do not. Read `lake_tables` first, then `coverage` and `labels`.
"""
