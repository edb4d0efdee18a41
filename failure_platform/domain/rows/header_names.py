"""Compares the names in a header with those of the contracts."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from failure_platform.domain.contracts import CONTRACTS, Contract

# How exports name the person who recorded a row, in the form of `same_name`; beside the contracts' personal columns.
_PEOPLE = frozenset(
    {"user", "username", "utilizador", "operador", "operator", "benutzer", "matricula", "colaborador", "nome"}
    | {column.name.casefold() for contract in CONTRACTS.values() for column in contract.columns if column.personal}
)


@lru_cache(10_000)
def same_name(text: str) -> str:
    """Return the form in which header names are compared: without accents, format characters and outer blanks, case
    folded, any blanks and line ends inside as one blank.
    """
    signs = (sign for sign in unicodedata.normalize("NFKD", text) if unicodedata.category(sign) not in ("Mn", "Cf"))
    return " ".join("".join(signs).split()).casefold()


def names_people(cells: Sequence[str]) -> bool:
    """Return whether a header names a column with people, whether the contract has it or not."""
    return any(same_name(cell) in _PEOPLE for cell in cells)


def named_columns(cells: Sequence[str], contract: Contract) -> Counter[str]:
    """Count how often a row names each column of the contract."""
    by_name = {same_name(name): name for name in contract.names}
    return Counter(by_name[same_name(cell)] for cell in cells if same_name(cell) in by_name)
