"""The lake: one DuckDB file, its published snapshot, and the tables in it.

Opening, locking, publishing, repairing and reading belong here. What uploads bring into the tables does not (merging).
Read `lake` first, then `tables` and `views`.
"""
