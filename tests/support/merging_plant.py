"""A lake in a folder that uploads are merged into, and rows to merge, for the tests of merging."""

import datetime as dt

from failure_platform.domain.arrivals import Upload
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.lake import views
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.merging.merge import merge, validate_uploads
from failure_platform.resources.merging.withdraw import withdraw
from failure_platform.resources.reading.upload import read_upload
from support.lake_content import content_hash

NOON = dt.datetime(2026, 11, 21, 12)
HEADERS = {kind: ",".join(contract.names) for kind, contract in CONTRACTS.items()}


def merge_uploads(lake, contract, uploads, merged_at):
    """Judge, then merge in one transaction, as a run does."""
    judged = validate_uploads(lake, contract, uploads)
    with lake.write() as con:
        return merge(con, contract, judged, merged_at)


class Plant:
    """A lake in a folder, and a clock that moves on a minute with each upload."""

    def __init__(self, folder):
        self.folder = folder
        self.lake = Lake(folder / "lake.duckdb", wait_seconds=5)
        self.count = 0

    def facts(self, kind="resultados"):
        self.count += 1
        return Upload(
            f"u{self.count:03}", kind, f"{kind}.csv", f"{self.count:064}", 1, NOON + dt.timedelta(minutes=self.count)
        )

    def received(self, content, kind="resultados", work="work"):
        path = self.folder / "original"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_upload(path, CONTRACTS[kind], self.folder / work, person_key=b"key")

    def merge(self, content, kind="resultados", facts=None):
        facts = facts or self.facts(kind)
        return merge_uploads(self.lake, CONTRACTS[kind], [(facts, self.received(content, kind))], NOON)[0]

    def merge_together(self, uploads, kind="resultados"):
        """Merge (facts, content) in one transaction."""
        return self.merge_staged(
            [(facts, self.received(content, kind, f"work-{facts.key}")) for facts, content in uploads], kind
        )

    def merge_staged(self, staged, kind="resultados"):
        return merge_uploads(self.lake, CONTRACTS[kind], staged, NOON)

    def withdraw(self, key, kind="resultados"):
        with self.lake.write() as con:
            return withdraw(con, CONTRACTS[kind], key, "wrong file", NOON)

    def state(self, kind="resultados"):
        """Everything but times: rows with their upload, superseded ones, who said what again, and the ledger."""
        with self.lake.read() as con:
            tables = [
                con.execute(f"SELECT * EXCLUDE (row_hash) FROM {kind} ORDER BY ALL").fetchall(),
                con.execute(f"SELECT * EXCLUDE (superseded_at) FROM superseded_{kind} ORDER BY ALL").fetchall(),
                con.execute(f"SELECT * FROM duplicate_{kind} ORDER BY ALL").fetchall(),
                con.execute("SELECT * EXCLUDE (quarantined_at, corrected_at) FROM quarantine ORDER BY ALL").fetchall(),
            ]
            return tables, {line.key: counts(line) for line in views.ledger(con) if line.state == "merged"}

    def see(self, look, *args):
        with self.lake.read() as con:
            return look(con, *args)

    def rows(self, query):
        with self.lake.read() as con:
            return con.execute(query).fetchall()

    def content(self, kind="resultados"):
        return self.see(content_hash, CONTRACTS[kind])


def measured(value, name="012001", data="2023-05-08 10:00:00", knr="2023-2056234"):
    return f"{knr},{name},1,10,Nm,0,{value},{data}"


def csv(*rows, kind="resultados"):
    return "\n".join([HEADERS[kind], *rows]) + "\n"


def counts(line):
    return (line.rows_in, line.merged, line.duplicate, line.superseded, line.quarantined)
