"""Replaces people who are named outside the personal columns, as where the cells of a row are shifted."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from failure_platform.domain.contracts import Contract
from failure_platform.domain.rows.cell_texts import normal_text
from failure_platform.domain.rows.layouts import FAULT
from failure_platform.resources.storage import sql_text

_WORD = re.compile(r"\w{4,}")


def withhold_people(
    con: duckdb.DuckDBPyConnection, contract: Contract, rows: Path, people: Mapping[str, str | None]
) -> int:
    """Replace in `rows` every cell that names a person of the personal columns, and mark its row as faulty.

    A word of a longer text that names a person, by an identifier with a digit, is replaced too; that is no fault.

    Args:
        con: a scratch database.
        contract: the columns.
        rows: parquet of texts; rewritten, with the column `FAULT`, only if something is replaced.
        people: pseudonyms of the people, by their identifiers.

    Returns:
        the number of rows that are faulty now.
    """
    pseudonyms = {
        normal_text(person).upper(): name for person, name in people.items() if name is not None and person != name
    }
    if not pseudonyms:
        return 0
    replaced = _replaced(rows, contract, pseudonyms)
    if not replaced:
        return 0
    source = f"read_parquet({sql_text.file(rows)}, file_row_number = true)"
    selected, faults, joins = [], [], []
    for name, texts in replaced.items():
        table = f"replaced_{name}"
        pairs = pa.table({"old": list(texts), "new": [new for new, _ in texts.values()],
                          "wrong": [wrong for _, wrong in texts.values()]})  # fmt: skip
        con.register("pairs", pairs)
        con.execute(f"CREATE OR REPLACE TEMP TABLE {sql_text.name(table)} AS FROM pairs")
        con.unregister("pairs")
        column = sql_text.name(name)
        selected.append(f"coalesce({sql_text.name(table)}.new, source.{column}) AS {column}")
        reason = sql_text.text(f"{name}: names a person of the file; its cells may be in the wrong columns")
        faults.append(f"CASE WHEN {sql_text.name(table)}.wrong THEN {reason} END")
        joins.append(f"LEFT JOIN {sql_text.name(table)} ON {sql_text.name(table)}.old = source.{column}")
    draft = rows.with_name("withheld.parquet")
    left_out = "file_row_number"
    if FAULT in pq.read_schema(rows).names:
        left_out, faults = f"file_row_number, {FAULT}", [f"source.{FAULT}", *faults]
    con.execute(
        f"COPY (SELECT source.* EXCLUDE ({left_out}) REPLACE ({', '.join(selected)}), "
        f"coalesce({', '.join(faults)}) AS {FAULT} FROM {source} AS source {' '.join(joins)} "
        f"ORDER BY source.file_row_number) TO {sql_text.text(str(draft))} (FORMAT parquet)"
    )
    draft.replace(rows)
    ((faulty,),) = con.execute(f"SELECT count({FAULT}) FROM read_parquet({sql_text.file(rows)})").fetchall()
    return int(faulty)


def _replaced(rows: Path, contract: Contract, pseudonyms: Mapping[str, str]) -> dict[str, dict[str, tuple[str, bool]]]:
    """Return, by column, each text that names a person: the text without it, and whether it is nothing else."""
    counts = _counts(rows, contract, pseudonyms)
    personal = [counts.pop(column.name) for column in contract.columns if column.personal]
    named = sum(personal, Counter[str]())
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    for name, texts in counts.items():
        for text, times in texts.items():
            person = pseudonyms.get(normal_text(text).upper())
            # A value that stands more often in this column is a value of it, such as a station that a shifted row has
            # in the personal column.
            if person is not None and times <= named[person]:
                found.setdefault(name, {})[text] = (person, True)
            elif person is None and (shown := _without_people(text, pseudonyms)) != text:
                found.setdefault(name, {})[text] = (shown, False)
    return found


def _counts(rows: Path, contract: Contract, pseudonyms: Mapping[str, str]) -> dict[str, Counter[str]]:
    """Return, by column, how many rows have each text; of columns that are no texts, only those that name people."""
    people = pa.array(list(pseudonyms), pa.string())
    counts = {column.name: Counter[str]() for column in contract.columns}
    for batch in pq.ParquetFile(rows).iter_batches(columns=list(counts)):
        for column in contract.columns:
            texts = batch.column(column.name)
            if column.type != "text" or column.name in contract.key[:1]:
                texts = texts.filter(pc.is_in(pc.utf8_upper(pc.utf8_trim_whitespace(texts)), value_set=people))
            for number in texts.drop_null().value_counts():
                counts[column.name][number["values"].as_py()] += number["counts"].as_py()
    return counts


def _without_people(text: str, pseudonyms: Mapping[str, str]) -> str:
    """Return a text with each word that names a person by an identifier with a digit replaced by the pseudonym."""
    if not any(sign.isdigit() for sign in text):
        return text
    return _WORD.sub(lambda word: _of_word(word[0], pseudonyms), text)


def _of_word(word: str, pseudonyms: Mapping[str, str]) -> str:
    return pseudonyms.get(word.upper(), word) if any(sign.isdigit() for sign in word) else word
