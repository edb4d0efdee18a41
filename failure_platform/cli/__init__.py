"""The same flow from a terminal."""
