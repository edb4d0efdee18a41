"""The asset graph: one file per stage, in flow order.

Belongs here: assets and their checks; each reads, calls one function, saves, and attaches what its page shows. Does not
belong here: a rule (`domain`), or access to the lake, the registry or a file (`resources`).
"""
