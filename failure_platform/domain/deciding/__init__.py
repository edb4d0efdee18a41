"""What may be decided about a model version, by a person or by the policy.

Belongs here: the decision log's lines, the policy's gates and the rules of a decision, as functions of values. Does
not: the verdict of a comparison (`domain.comparison`), and where the log is stored (`resources.registry`).
Read `log` first, then `policy`, then `decisions`.
"""
