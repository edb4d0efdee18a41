"""The plots of a comparison, as PNG bytes; the same input gives the same bytes.

Belongs here: drawing finished values with matplotlib. Does not: computing the points (`domain.comparison`), captions
and alternative texts (`domain.report.pictures`), and storing the files (`resources.registry.report_files`).
Read `plotting` first: the style that every plot shares.
"""
