"""Brings cell texts into one normal form, and finds those without a value, as Ibis expressions.

Every cell of a plant's history is parsed here. A cell in canonical form is cast; only the others are matched with
regular expressions. Functions of a single text are cheap where texts repeat, since the engine evaluates them once per
distinct text. For that reason patterns are matched in full: the engine's other ways to match do not have this.
"""

import re
from collections.abc import Callable
from functools import reduce
from typing import Any
from unicodedata import normalize

import ibis

# How the exports write a missing value.
_BLANK = "(?i)(|nan|null|none|nat|n/a|#n/a|#n/d|#nv|<na>)"
# Format characters (Unicode category Cf); a soft hyphen or no-break space, unless it is the second half of a character
# that was read in the wrong encoding; line ends, as workbooks and systems write them; blanks of any width. Last, the
# formula by which a spreadsheet keeps a code a text: ="012001".
_NORMAL_FORM = (
    (r"[\x{061C}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}\x{FEFF}]", ""),
    (r"([^ÂÃ]|^)\x{00AD}+", r"\1"),
    (r"([^ÂÃ]|^)\x{00A0}+", r"\1 "),
    (r"_x000[Dd]_\r?\n?|\r\n?", "\n"),
    (r"[\x{1680}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}]", " "),
    (r'^\s*="([^"]*)"\s*$', r"\1"),
)
_PYTHON_FORM = tuple((re.compile(re.sub(r"\\x\{(....)\}", r"\\u\1", p)), form) for p, form in _NORMAL_FORM)
_ERRORS = "|".join(
    re.escape(error)
    for error in (
        *("#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#FIELD!", "#GETTING_DATA"),
        *("#VALOR!", "#NOME?", "#NÚM!", "#NULO!", "#DESPEJAR!"),  # Portuguese
        *("#BEZUG!", "#WERT!", "#ZAHL!", "#ÜBERLAUF!"),  # German
        *("#¡REF!", "#¡VALOR!", "#¿NOMBRE?", "#¡NUM!", "#¡NULO!", "#¡DIV/0!"),  # Spanish
    )
)
# UTF-8 read as Windows-1252, control characters, and the sign that replaces bytes which are no character.
_WRONG_ENCODING = (
    r"(?s).*([ÂÃ][\x{0080}-\x{00BF}€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
    r"|[\x{0001}-\x{0008}\x{000E}-\x{001F}\x{007F}-\x{009F}\x{FFFD}]).*"
)


# DuckDB functions that Ibis does not have, by their signatures.
left = ibis.udf.scalar.builtin(
    lambda text, length: ...,  # noqa: ARG005
    name="left",
    signature=(("string", "int64"), "string"),
)
full_match = ibis.udf.scalar.builtin(
    lambda text, pattern: ...,  # noqa: ARG005
    name="regexp_full_match",
    signature=(("string", "string"), "boolean"),
)


_composed = ibis.udf.scalar.builtin(
    lambda text: ...,  # noqa: ARG005
    name="nfc_normalize",
    signature=(("string",), "string"),
)
_replace_all = ibis.udf.scalar.builtin(
    lambda text, pattern, form, options: ...,  # noqa: ARG005
    name="regexp_replace",
    signature=(("string", "string", "string", "string"), "string"),
)


def _replacing(pattern: str, form: str) -> Callable[[Any], Any]:
    return lambda text: _replace_all(text, pattern, form, "g")


_NORMAL_STEPS = tuple(_replacing(pattern, form) for pattern, form in _NORMAL_FORM)


def is_blank(text: str) -> bool:
    """Return whether a single text, stripped, means a missing value; the same rule as `blank`."""
    return re.fullmatch(_BLANK, text.strip()) is not None


def blank(text: Any) -> Any:
    """Return whether a text in normal form means a missing value; never NULL."""
    return text.isnull() | full_match(text, _BLANK)


def normal_form(text: Any) -> Any:
    """Return a text in its one normal form: composed (NFC), without characters that nobody sees, trimmed."""
    return reduce(lambda done, step: step(done), _NORMAL_STEPS, _composed(text)).strip()


def normal_text(text: str) -> str:
    """Return a single text in the same form as `normal_form`."""
    return reduce(lambda done, step: step[0].sub(step[1], done), _PYTHON_FORM, normalize("NFC", text)).strip(
        " \t\n\r\v\f"
    )


def is_error(text: Any) -> Any:
    """Return whether a text is the error of a spreadsheet; that of a lookup without a result (#N/A) is a blank."""
    return full_match(text, f"(?i){_ERRORS}").fill_null(False)


def is_misread(text: Any) -> Any:
    """Return whether a text holds characters that were read in another encoding than they were written in."""
    return full_match(text, _WRONG_ENCODING).fill_null(False)
