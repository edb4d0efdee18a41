r"""Escapes texts that a spreadsheet would run as formulas (CSV injection); ESCAPED_FORMULA reads them back.

A text that begins with = + - @ TAB or CR gets a leading apostrophe, as OWASP advises; a number such as -5.3 does not.
A text with apostrophes before such a sign gets one more, so that removing one always restores the text.
"""

import re

FORMULA = r"^'*[=+\-@\t\r]"
"""Pattern of the texts that get an apostrophe, unless they are numbers."""

ESCAPED_FORMULA = r"^'('*[=+\-@\t\r])"
"""Pattern of the texts that lose one; replace a match by its first group."""

_FORMULA = re.compile(FORMULA)
_NUMBER = re.compile(r"[+-][0-9.,]*[0-9][0-9.,]*([eE][+-]?[0-9]+)? *")


def escape_formula(text: str) -> str:
    """Return the text in a form that a spreadsheet shows and does not run."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
