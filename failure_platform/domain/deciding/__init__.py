"""Decisions: what may be decided, by whom, and the log."""
