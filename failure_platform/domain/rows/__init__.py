"""From the cells of an upload to typed rows.

Finding the header, parsing cell texts and validating rows belong here. Opening files (`resources.reading`) and running
the validation (`resources.merging`) do not. Read `layouts` first, then `dates`, `cell_texts` and `validation`.
"""
