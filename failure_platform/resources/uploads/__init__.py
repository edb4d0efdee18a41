"""Upload folders, receipts, archived originals, and the process that reads one original.

Receiving and archiving belong here. The content of a file does not (reading, merging).
"""
