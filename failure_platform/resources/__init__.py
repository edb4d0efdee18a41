"""Doors: the only code that touches disk, lake and registry."""
