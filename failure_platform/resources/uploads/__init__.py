"""Upload folders, receipts, archived originals, and the process that reads one original.

Receiving and archiving belong here. The content of a file does not (reading, merging), nor do the decisions that follow
from what was received (`domain.arrivals`). Read `inbox` first, then `staging`.
"""
