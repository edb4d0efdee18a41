"""The report of a comparison: one HTML page that holds everything, for people who decide.

What belongs here: the order, words and look of the page. What does not: any figure (domain.comparison, importance,
data_difference), drawing (domain.figures) and where the page is written (assets.model_comparison).

The page asks for nothing outside itself and runs no script, so it can be mailed, archived and printed.
"""
