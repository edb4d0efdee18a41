"""The model registry: versions, their files, comparisons, decisions and reports.

Belongs here: saving, verifying, loading and listing them. Does not: how a model is trained or compared, and what may be
decided (`domain.training`, `domain.comparison`, `domain.deciding`).
Read `registry` first.
"""
