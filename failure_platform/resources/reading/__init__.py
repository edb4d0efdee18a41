"""From the bytes of an original to rows of text, with the sheet and line of each row.

Encodings, archives, csv files, workbooks and pseudonyms belong here. What a valid value is (`domain.rows`) does not.
Read `upload` first; it calls `containers`, then `text_files` and `csv_rows`, or `workbook`.
"""
