r"""Texts that a spreadsheet would run as a formula: how they are made harmless, and read back as they were.

Belongs here: that rule, for Python and, as patterns, for DuckDB. Does not belong here: writing or reading files.

A text that begins with = + - @ TAB or CR gets a leading apostrophe, as OWASP advises; a number such as -5.3 stays
one. A text that has apostrophes before such a sign gets one more, so that taking one away is always right.
"""

import re

ARMED = r"^'*[=+\-@\t\r]"
"""Pattern of the texts that get an apostrophe, unless they are numbers."""

DISARMED = r"^'('*[=+\-@\t\r])"
"""Pattern of the texts that lose one; put its first group in its place."""

_ARMED = re.compile(ARMED)
_DISARMED = re.compile(DISARMED)
_NUMBER = re.compile(r"[+-][0-9.,]*[0-9][0-9.,]*([eE][+-]?[0-9]+)? *")


def disarmed(text: str) -> str:
    """Return the text as it can be shown to a spreadsheet."""
    return f"'{text}" if _ARMED.match(text) and not _NUMBER.fullmatch(text) else text


def rearmed(text: str) -> str:
    """Return the text that was disarmed; any other text stays as it is, but for one apostrophe before such a sign."""
    return _DISARMED.sub(r"\1", text, count=1)
