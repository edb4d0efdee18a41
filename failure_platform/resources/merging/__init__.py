"""From the rows of an upload to the lake: validated, merged once, and entered in the ledger.

Everything that changes an upload table belongs here. Parsing files (reading) and opening the lake (lake) do not.
Read `ingest` first, then `merge` and `conflicts`.
"""
