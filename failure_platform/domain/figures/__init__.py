"""The pictures of a comparison, as PNG bytes; one file for each question that a picture answers.

What belongs here: drawing, from finished values. What does not: the points (domain.comparison), what a picture means in
words (domain.report) and where pictures are kept. The same input gives the same bytes.
"""
