"""Model versions, their files, comparisons, decisions and reports.

Saving, loading and finding them belong here. What makes a model good and what may be decided do not (domain).
"""
