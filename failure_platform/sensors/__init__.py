"""Triggers: when runs are requested.

Belongs here: sensors; each reads, calls a pure decision (`domain.arrivals`) and returns run requests. Does not belong
here: reading the content of a file, since a tick must stay short whatever people upload.
"""
