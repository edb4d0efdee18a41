"""Replaces personal data by a keyed hash, before anything of it is stored. Nothing else."""

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache

from failure_platform.domain.rows.cell_texts import is_blank

# The letter keeps spreadsheets from reading the digits as a number, such as 12E4.
_PSEUDONYM = re.compile(r"P([0-9A-F]{16})([0-9A-F]{8})")
_SEAL = b"\0seal\0"
_MOST_PEOPLE = 1 << 16


def pseudonyms(key: bytes) -> Callable[[str | None], str | None]:
    """Return the function that turns an identifier into its pseudonym, and a blank into None.

    A pseudonym is `P`, 16 hexadecimal digits of HMAC-SHA256 of the identifier, and a seal: 8 digits of the HMAC of
    these. Case and outer blanks do not count, so that one person has one pseudonym whatever the export did to it.

    A pseudonym made with the same key comes back unchanged: a row that was exported, corrected and submitted again
    keeps its person. What only looks like one has no valid seal and is hashed as any identifier is.
    """

    def digits(text: bytes, count: int) -> str:
        return hmac.new(key, text, hashlib.sha256).hexdigest()[:count].upper()

    def seal(of: str) -> str:
        return digits(_SEAL + of.encode(), 8)

    @lru_cache(maxsize=_MOST_PEOPLE)
    def pseudonym(identifier: str | None) -> str | None:
        if identifier is None or is_blank(identifier):
            return None
        person = identifier.strip().upper()
        stored = _PSEUDONYM.fullmatch(person)
        if stored is not None and hmac.compare_digest(stored[2], seal(stored[1])):
            return person
        hashed = digits(person.encode(), 16)
        return f"P{hashed}{seal(hashed)}"

    return pseudonym
