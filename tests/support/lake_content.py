"""What a lake holds of a kind, as one text that two lakes can be compared by."""

import duckdb

from failure_platform.domain.contracts import Contract


def content_hash(con: duckdb.DuckDBPyConnection, contract: Contract) -> str:
    """A hash of the rows of a kind, whatever their order and whichever upload brought them."""
    (row,) = con.execute(
        f'SELECT count(*), coalesce(bit_xor(row_hash), 0), coalesce(sum(row_hash), 0) FROM "{contract.kind}"'
    ).fetchall()
    return "-".join(str(part) for part in row)
