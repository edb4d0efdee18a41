"""What every other room needs of files, clock and DuckDB: atomic writes, locks, free space, quoting, failpoints.

Nothing that knows what the files hold belongs here.
"""
