"""The comparison of a candidate with the production model, on the same newest vehicles, and its verdict.

What belongs here: everything that turns two models' probabilities of the same vehicles into values that can be stored,
shown and judged. What does not: pictures and pages (figures, report), what is done about a verdict (decisions).

Start reading at `comparing`; the result is `values.Comparison`.
"""
