"""From the bytes of an original to rows of text, with the sheet and line of each.

Encodings, archives, csv and workbooks belong here. What a valid value is does not (domain.rows).
"""
