"""Splits the lines of a delimited file into cells, and finds its separator."""

import csv
from collections.abc import Sequence

from failure_platform.domain.contracts import Contract
from failure_platform.domain.rows.header_names import named_columns
from failure_platform.domain.rows.layouts import HEADER_WITHIN

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def split_line(line: str, separator: str) -> list[str]:
    """Split one line of a delimited file, respecting quotes, unless it is too long for a header."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return line.split(separator)


def head_records(lines: Sequence[str], separator: str) -> tuple[list[list[str]], list[int]]:
    """Split the first lines of a delimited file into records, whose quoted cells may hold line ends.

    Returns:
        the records, and for each the position of its last line, from 0.
    """
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator)
    records, ends = [], []
    try:
        for record in reader:
            records.append(record)
            ends.append(reader.line_num - 1)
    except csv.Error:
        pass  # A cell is too long for a header; the records before it are complete.
    return records, ends


def find_separator(lines: Sequence[str], contract: Contract) -> str:
    """Return the separator with which one of the first lines names the most columns of the contract.

    If no line names any, return the most frequent separator, so that the refusal can list the columns.
    """

    def score(separator: str) -> tuple[int, int]:
        head = lines[:HEADER_WITHIN]
        named = max((len(named_columns(split_line(line, separator), contract)) for line in head), default=0)
        return named, sum(line.count(separator) for line in head)

    return max(SEPARATORS, key=score)
