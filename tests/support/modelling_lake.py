"""Small lakes for the modelling tests: rows in, Ibis tables on a real DuckDB file out."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd

from failure_platform.domain.features.description import describe
from failure_platform.domain.features.wide import widen
from failure_platform.domain.targets import ROAD_TEST, Target
from failure_platform.domain.vehicles.labels import labels
from failure_platform.domain.vehicles.lake_tables import LakeTables
from failure_platform.resources.lake.tables import falhas_days_sql

T0 = datetime(2024, 1, 8, 6)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

COLUMNS = {
    "resultados": {
        "KNR": "VARCHAR", "NAME": "VARCHAR", "ID": "INTEGER", "STATUS": "INTEGER", "UNIT": "VARCHAR",
        "VALUE_ID": "INTEGER", "VALUE": "DOUBLE", "DATA": "TIMESTAMP", "upload": "VARCHAR", "row_hash": "UBIGINT",
    },
    "falhas": {
        "KNR": "VARCHAR", "MODELO": "VARCHAR", "COR": "VARCHAR", "MOTOR": "VARCHAR", "ESTACAO": "VARCHAR",
        "USUARIO": "VARCHAR", "HALLE": "VARCHAR", "FALHA": "VARCHAR", "S_GROUP_ID": "VARCHAR", "DATA": "TIMESTAMP",
        "upload": "VARCHAR", "row_hash": "UBIGINT",
    },
    "status": {
        "KNR": "VARCHAR", "STATUS": "VARCHAR", "DATA": "TIMESTAMP", "upload": "VARCHAR", "row_hash": "UBIGINT",
    },
    "uploads": {
        "upload": "VARCHAR", "kind": "VARCHAR", "name": "VARCHAR", "state": "VARCHAR", "first_data": "TIMESTAMP",
        "last_data": "TIMESTAMP",
    },
    "falhas_days": {
        "upload": "VARCHAR", "day": "DATE", "HALLE": "VARCHAR", "vehicles": "BIGINT", "grouped": "BIGINT",
    },
}  # fmt: skip


def result(knr: str, at: datetime, value: float | None = 1.0, name: str = "041001", **other: Any) -> dict[str, Any]:
    """A row of resultados."""
    return {"KNR": knr, "NAME": name, "ID": 2, "STATUS": 10, "VALUE_ID": 0, "VALUE": value, "DATA": at, **other}


def defect(knr: str, at: datetime, halle: str | None = "ROD", group: str | None = None) -> dict[str, Any]:
    """A row of falhas."""
    return {"KNR": knr, "HALLE": halle, "S_GROUP_ID": group, "DATA": at}


def from_upload(row: dict[str, Any], upload: str) -> dict[str, Any]:
    """The row with the upload that it is from."""
    return {**row, "upload": upload}


def event(knr: str, at: datetime, code: str = "M700") -> dict[str, Any]:
    """A row of status."""
    return {"KNR": knr, "STATUS": code, "DATA": at}


def covered(first: datetime, last: datetime, kind: str = "falhas", state: str = "merged") -> dict[str, Any]:
    """A line of the ledger; of falhas, an upload with rows of ROD on each of these days."""
    return {"kind": kind, "state": state, "first_data": first, "last_data": last}


class SmallLake:
    """A lake with the given rows, in a real file or in memory."""

    def __init__(self, file: Path | None = None, **rows: Iterable[Mapping[str, Any]]) -> None:
        self.connection = duckdb.connect(str(file) if file else ":memory:")
        for table, columns in COLUMNS.items():
            listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            self.connection.execute(f"CREATE TABLE {table} ({listed})")
        uploads = [{"upload": f"upload {number}", **line} for number, line in enumerate(rows.get("uploads", ()))]
        days = [*_days(uploads, list(rows.get("falhas", ()))), *rows.get("falhas_days", ())]
        for table, listed in {**rows, "uploads": uploads, "falhas_days": days}.items():
            for row in listed:
                names = ", ".join(row)
                marks = ", ".join("?" * len(row))
                self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))
        backend = ibis.duckdb.from_connection(self.connection)
        self.tables = LakeTables(*(backend.table(name) for name in COLUMNS))

    @classmethod
    def of_real_set(cls, folder: Path) -> "SmallLake":
        """The lake that the three files of a real set make."""
        lake = cls()
        for table in ("resultados", "falhas", "status"):
            file = folder / f"{table}.csv.gz"
            given = lake.connection.execute(f"SELECT * FROM read_csv('{file}', all_varchar=true) LIMIT 0").description
            names = [name for name, *_ in given or []]
            casts = ", ".join(f"CAST({name} AS {COLUMNS[table][name]})" for name in names)
            lake.connection.execute(
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {casts} FROM read_csv('{file}', all_varchar=true)"
            )
        lake.connection.execute("UPDATE resultados SET VALUE_ID = coalesce(VALUE_ID, 0)")
        lake.connection.execute(
            "INSERT INTO uploads SELECT 'one', 'falhas', 'one.csv', 'merged', min(DATA), max(DATA) FROM falhas"
        )
        rows = falhas_days_sql("SELECT * REPLACE ('one' AS upload) FROM falhas")
        lake.connection.execute(f"INSERT INTO falhas_days BY NAME {rows}")
        return lake

    def labels(self, target: Target = ROAD_TEST) -> pd.DataFrame:
        """The labels by KNR."""
        return self.connection.execute(_label_sql(target)).df().set_index("KNR").sort_index()

    def vehicles(self, target: Target = ROAD_TEST, only: Iterable[str] | None = None) -> pd.DataFrame:
        """The wide frame, of all vehicles or of some KNR only."""
        before, vehicles, features, cells = _description_sql(target, only is not None)
        run = self.connection.execute
        run("CREATE OR REPLACE TABLE touched (KNR VARCHAR)")
        for knr in only or ():
            run("INSERT INTO touched VALUES (?)", [knr])
        for statement in before:
            run(statement)
        return widen(run(vehicles).df(), run(features).df(), run(cells).to_arrow_reader())


def _days(uploads: Iterable[Mapping[str, Any]], falhas: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What uploads have by day: one vehicle in ROD on each, and a failure group unless all their rows lack one."""
    for line in uploads:
        if line["kind"] == "falhas" and line.get("first_data"):
            groups = [row.get("S_GROUP_ID") for row in falhas if row.get("upload") == line["upload"]]
            day = line["first_data"].date()
            while day <= line["last_data"].date():
                yield {
                    "upload": line["upload"],
                    "day": day,
                    "HALLE": "ROD",
                    "vehicles": 1,
                    "grouped": int(not groups or any(groups)),
                }
                day += DAY


@cache
def _label_sql(target: Target) -> str:
    """Every small lake has the same tables, so their SQL is written once; writing it takes longer than running it."""
    return str(ibis.to_sql(labels(SmallLake().tables, target), dialect="duckdb"))


@cache
def _description_sql(target: Target, some: bool) -> tuple[tuple[str, ...], str, str, str]:
    """What is read several times becomes a temporary table first, as in the platform."""
    before: list[str] = []
    lake = SmallLake()
    backend = ibis.duckdb.from_connection(lake.connection)

    def kept(name: str, table: ir.Table) -> ir.Table:
        before.append(f"CREATE OR REPLACE TEMP TABLE {name} AS {ibis.to_sql(table, dialect='duckdb')}")
        lake.connection.execute(before[-1])
        return backend.table(name)

    if some:
        lake.connection.execute("CREATE TABLE touched (KNR VARCHAR)")
    touched = ibis.table({"KNR": "string"}, name="touched") if some else None
    described = describe(lake.tables, target, touched, materialize=kept)
    vehicles, features, cells = (
        str(ibis.to_sql(one, dialect="duckdb")) for one in (described.vehicles, described.features, described.cells)
    )
    return tuple(before), vehicles, features, cells
