"""Replaces personal data by a keyed hash, before anything of it is stored. Nothing else."""

import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache

from failure_platform.domain.judging import is_blank

_DIGITS = 16
_MOST_PEOPLE = 1 << 16


def pseudonyms(key: bytes) -> Callable[[str | None], str | None]:
    """Return the function that turns an identifier into 16 hexadecimal digits of HMAC-SHA256, and a blank into None.

    Case and outer blanks do not count, so that one person has one pseudonym whatever the export did to it.
    """

    @lru_cache(maxsize=_MOST_PEOPLE)
    def pseudonym(identifier: str | None) -> str | None:
        if identifier is None or is_blank(identifier):
            return None
        return hmac.new(key, identifier.strip().upper().encode(), hashlib.sha256).hexdigest()[:_DIGITS]

    return pseudonym
