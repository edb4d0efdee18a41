"""Compares a candidate with the production model on the same newest vehicles and gives a verdict.

Belongs here: everything computed from the two models' probabilities of these vehicles: metrics, intervals, slices,
verdict. Does not: plots and pages (`domain.figures`, `domain.report`), and decisions (`domain.deciding`).
Read `comparing` first; its result is `values.Comparison`.
"""
