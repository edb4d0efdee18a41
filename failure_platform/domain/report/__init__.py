"""The report of a comparison, one self-contained HTML page, and the model card, both for people who decide.

Belongs here: order, texts and layout of the pages, and their templates. Does not: any number (`domain.comparison`), the
plots (`domain.figures`), and writing the files (`resources.registry.report_files`).
The page loads nothing and runs no script, so it can be mailed, archived and printed. Read `page` first.
"""
