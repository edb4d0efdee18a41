"""What every other room needs of a file system and of DuckDB: atomic writes, locks, free space, quoting, failpoints.

Nothing here knows what the files hold.
"""
