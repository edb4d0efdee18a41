"""Triggers: each reads, takes a pure decision, and emits run requests."""
