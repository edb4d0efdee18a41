"""Training: the time-ordered split, the search over families, calibration, the threshold, and the facts of a run.

How a model is chosen and fitted belongs here. The families (domain.families), the comparison with production
(domain.comparison) and saving (resources.registry) do not. Read `domain.training.fitting` first.
"""
