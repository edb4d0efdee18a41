"""The description of a target's vehicles: facts, feature names and cells of all feature families."""

from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.as_of import Materialize, known_at_prediction, not_materialized, union_all
from failure_platform.domain.features.counts import (
    ABOUT,
    about_cells,
    defect_cells,
    known_facts,
    row_cells,
    row_counts,
    stage_cells,
    verdict_cells,
)
from failure_platform.domain.features.names import FAMILIES
from failure_platform.domain.features.sequences import sequence_cells
from failure_platform.domain.features.values import (
    known_series,
    leading_cells,
    leading_values,
    newest_values,
    running_medians,
    value_names,
    valueless_cells,
)
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.coverage import DEFECTS, coverage
from failure_platform.domain.vehicles.labels import labels
from failure_platform.domain.vehicles.lake_tables import LakeTables


@dataclass(frozen=True)
class Description:
    """Three expressions that together describe the vehicles of a target; run them on the same snapshot of the lake.

    Attributes:
        vehicles: vehicle (int32, position by predicted_at and KNR), KNR, predicted_at, label, label_reason,
            last_row_at (DATA of the newest row used), MODELO, COR, MOTOR (from the newest falha before predicted_at in
            which they are not blank), upload (the one with most of its result rows), failure_group (of the failure; a
            part of the outcome). NULL where there is none.
        features: feature (int32, position by name), feature_name; some may have no cell. (Not `name`, which DuckDB
            would not distinguish from NAME.)
        cells: vehicle, feature, value (double); only cells that exist, unordered. Up to vehicles x features rows:
            read it in batches.
    """

    vehicles: ir.Table
    features: ir.Table
    cells: ir.Table


def describe(
    lake: LakeTables,
    target: Target,
    selected: ir.Table | None = None,
    sequence_length: int = 0,
    materialize: Materialize = not_materialized,
    medians: ir.Table | None = None,
    covered: ir.Table | None = None,
) -> Description:
    """Return the description of the vehicles that reached the target's prediction point.

    Describing some vehicles gives the same facts and cells as describing all, as long as no feature family is full
    (`full_families`).

    Args:
        lake: the tables.
        target: what is predicted, and at which checkpoint.
        selected: KNR of the vehicles to describe; None: all.
        sequence_length: how many of each vehicle's newest rows become `sequence` features.
        materialize: called with each table that several of the three expressions read.
        medians: `running_medians` of the lake, if the caller has them already.
        covered: `coverage` of lake and target, likewise.
    """
    covered = coverage(lake, target) if covered is None else covered
    own = lake if selected is None else replace(lake, status=lake.status.semi_join(selected, "KNR"))
    labelled = labels(own, target, covered).drop("thin")
    in_order = ibis.window(order_by=[labelled.predicted_at, labelled.KNR])
    vehicles = materialize("described_labels", labelled.mutate(vehicle=ibis.row_number().over(in_order).cast("int32")))
    points = vehicles.select("vehicle", "KNR", "predicted_at")
    events = known_at_prediction(lake.status.select("KNR", "STATUS", "DATA"), points)
    defects = known_at_prediction(lake.falhas.select("KNR", *ABOUT, "HALLE", "S_GROUP_ID", "DATA"), points)
    rows = materialize("described_rows", row_counts(lake.resultados, points))
    facts = materialize("described_facts", known_facts(defects))
    counts = [
        verdict_cells(lake.resultados, points),
        row_cells(rows),
        valueless_cells(lake.resultados, points),
        stage_cells(events, points, target),
        defect_cells(defects, points, covered.filter(covered.use == DEFECTS)),
        about_cells(facts),
    ]
    if sequence_length:
        results = lake.resultados.select("KNR", "NAME", "ID", "STATUS", "VALUE_ID", "VALUE", "DATA")
        counts.append(sequence_cells(known_at_prediction(results, points), sequence_length))
    counted = materialize("described_counts", union_all(counts))
    series = materialize("described_series", known_series(lake.resultados, points))
    features = materialize("described_features", _numbered(union_all([value_names(series), _frequent(counted)])))
    leading = materialize("described_leading", leading_values(lake.resultados, points, series, features))
    usual = running_medians(lake.resultados) if medians is None else medians
    cells = union_all(
        [
            newest_values(lake.resultados, points, series, features),
            leading_cells(leading, series, features, usual),
            counted.join(features, "feature_name").select("vehicle", "feature", "value"),
        ]
    )
    newest = _newest(rows.select("vehicle", DATA=rows.newest), events, defects)
    return Description(_with_facts(vehicles, newest, facts, _main_upload(rows)), features, cells)


def _numbered(names: ir.Table) -> ir.Table:
    in_order = ibis.window(order_by=names.feature_name)
    return names.select(ibis.row_number().over(in_order).cast("int32").name("feature"), "feature_name")


def _frequent(cells: ir.Table) -> ir.Table:
    """Return the most frequent feature names of each family among these cells, up to `max_columns`."""
    counts = cells.group_by("feature_name").aggregate(n=cells.count())
    counts = counts.mutate(family=counts.feature_name.split(":")[0])
    frequent = ibis.window(group_by=counts.family, order_by=[ibis.desc(counts.n), counts.feature_name])
    ranked = counts.mutate(rank=ibis.row_number().over(frequent))
    limit = ibis.cases(*((ranked.family == prefix, family.max_columns) for prefix, family in FAMILIES.items()))
    return ranked.filter(ranked["rank"] < limit).select("feature_name")


def _newest(*rows: ir.Table) -> ir.Table:
    """Return vehicle and last_row_at, the newest DATA in all of these tables."""
    newest = union_all(table.group_by("vehicle").aggregate(newest=table.DATA.max()) for table in rows)
    return newest.group_by("vehicle").aggregate(last_row_at=newest.newest.max())


def _main_upload(rows: ir.Table) -> ir.Table:
    """Return vehicle and the upload with most of its result rows; in a tie, the first by name."""
    counts = rows.group_by("vehicle", "upload").aggregate(n=rows["rows"].sum())
    main = counts.upload.first(order_by=[ibis.desc(counts.n), counts.upload])
    return counts.group_by("vehicle").aggregate(upload=main)


def _with_facts(vehicles: ir.Table, *facts: ir.Table) -> ir.Table:
    for table in facts:
        added = [column for column in table.columns if column != "vehicle"]
        vehicles = vehicles.left_join(table, "vehicle").select(vehicles, *(table[column] for column in added))
    facts_in_order = ("last_row_at", *ABOUT, "upload", "failure_group")
    order = ("vehicle", "KNR", "predicted_at", "label", "label_reason", *facts_in_order)
    return vehicles.select(*order).order_by("vehicle")
