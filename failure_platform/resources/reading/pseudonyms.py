"""Replaces personal data by a keyed hash before anything is stored."""

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache

from failure_platform.domain.rows.cell_texts import is_blank, normal_text

# The letter prevents spreadsheets from reading the digits as a number, such as 12E4.
_PSEUDONYM = re.compile(r"P([0-9A-F]{16})([0-9A-F]{8})")
_SEAL = b"\0seal\0"
_CACHED_PEOPLE = 1 << 16


def pseudonyms(key: bytes) -> Callable[[str | None], str | None]:
    """Return the function that turns an identifier into its pseudonym, and a blank into None.

    A pseudonym is `P`, 16 hexadecimal digits of the HMAC-SHA256 of the identifier, and a seal: 8 digits of the HMAC of
    these. Case, outer blanks and characters that nobody sees are ignored, so that a person has the same pseudonym in
    every export.

    A pseudonym made with the same key is returned unchanged: a row that was exported, corrected and submitted again
    keeps its person. A text that only looks like a pseudonym has no valid seal and is hashed like any identifier.
    """

    def digits(text: bytes, count: int) -> str:
        return hmac.new(key, text, hashlib.sha256).hexdigest()[:count].upper()

    def seal(hashed: str) -> str:
        return digits(_SEAL + hashed.encode(), 8)

    @lru_cache(maxsize=_CACHED_PEOPLE)
    def pseudonym(identifier: str | None) -> str | None:
        if identifier is None or is_blank(identifier):
            return None
        person = normal_text(identifier).upper()
        stored = _PSEUDONYM.fullmatch(person)
        if stored is not None and hmac.compare_digest(stored[2], seal(stored[1])):
            return person
        hashed = digits(person.encode(), 16)
        return f"P{hashed}{seal(hashed)}"

    return pseudonym
