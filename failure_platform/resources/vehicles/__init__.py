"""The vehicles table of each target, kept up to date with the lake.

Running the feature expressions and writing the table belong here. The expressions (`domain.features`) do not. Read
`vehicles_table` first, then `feature_blocks` and `feature_sql`.
"""
