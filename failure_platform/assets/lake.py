"""Stage 2: the lake; rows are validated by contract and merged, and every row is accounted for."""

import base64
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from failure_platform.catalog import (
    CODE_VERSION,
    LAKE_POOL,
    OWNER,
    Group,
    inline_table,
    table_page,
    uploads_of,
)
from failure_platform.domain.arrivals import Receipt
from failure_platform.domain.contracts import Contract
from failure_platform.domain.ledger import UploadLine
from failure_platform.resources.dagster_events import events_of, kept_open
from failure_platform.resources.lake import views
from failure_platform.resources.merging.ingest import ingest_uploads
from failure_platform.resources.platform import Platform
from failure_platform.resources.storage.clock import utc_now

_OWN_MEANINGS = {
    "upload": "The upload that contained the row.",
    "row_hash": "MD5 of the row's values, lower half: equal rows have equal ones.",
}
_MOST_LINES = 20
_COUNTS = ["name", "state", "rows_in", "merged", "duplicate", "superseded", "quarantined"]


def lake_asset(contract: Contract) -> dg.AssetsDefinition:
    """Return the asset `<kind>`, the lake table of a kind, one partition per upload."""
    kind = contract.kind

    @dg.asset(
        name=kind,
        deps=[f"raw_{kind}"],
        partitions_def=uploads_of(kind),
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=Group.lake,
        owners=[OWNER],
        kinds={"duckdb", "pandera"},
        tags={"stage": "lake", "kind": kind},
        code_version=CODE_VERSION,
        pool=LAKE_POOL,
        check_specs=[
            dg.AssetCheckSpec(
                "every_row_accounted_for",
                asset=kind,
                blocking=True,
                description="For every upload: rows in = merged + duplicate + superseded + quarantined, and the "
                "tables agree.",
            ),
            dg.AssetCheckSpec(
                "rows_fit_the_contract",
                asset=kind,
                blocking=True,
                description="The contract, applied again to the rows that are now in the lake, finds nothing.",
            ),
            dg.AssetCheckSpec(
                "natural_key_is_unique", asset=kind, blocking=True, description="No two of the new rows share a key."
            ),
            dg.AssetCheckSpec(
                "no_row_in_quarantine", asset=kind, description="Lists which rows were set aside, by reason."
            ),
        ],
        description=(
            f"{contract.description}\n\nThe lake table `{kind}`: validated rows, each once, with its "
            f"upload. Natural key: {', '.join(contract.key)}. Rows that break the contract are in `quarantine` with "
            "their line and reason; a later upload that disagrees wins and the older row is kept in "
            f"`superseded_{kind}`."
        ),
    )
    def table(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with kept_open(*events_of(context)):
            receipts = platform.inbox.receipts_of(kind, context.partition_keys)
            lines = _ingest(platform, contract, receipts)
            for line in lines:
                metadata = {"upload": line.sha256, "ledger": inline_table(_ledger([line]))}
                context.add_asset_metadata(metadata, partition_key=line.key)
            if kind == "falhas":
                # The picture would be stored again with each upload of the run.
                context.add_asset_metadata(_coverage(platform), partition_key=lines[-1].key)
            if all(line.state == "refused" for line in lines):
                raise dg.Failure(f"Nothing to merge. {lines[0].reason}", allow_retries=False)
            yield dg.MaterializeResult(
                data_version=dg.DataVersion(lines[-1].sha256), metadata=_page(platform, contract, lines)
            )
            yield from _checks(platform, contract, lines)

    return table


def _ingest(platform: Platform, contract: Contract, receipts: Sequence[Receipt]) -> list[UploadLine]:
    """Merge uploads into the lake, record the state of each receipt, and return their ledger lines."""
    return ingest_uploads(
        platform.lake,
        platform.staging,
        contract,
        receipts,
        platform.person_key,
        utc_now,
        lambda receipt, line: platform.inbox.mark(receipt, line.state),
    )


def _ledger(lines: Sequence[UploadLine]) -> pd.DataFrame:
    return pd.DataFrame([line.columns() for line in lines])[_COUNTS]


def _shown(lines: Sequence[UploadLine]) -> pd.DataFrame:
    """Return the lines of a few uploads, or the sums of many by state: each upload's event stores this table again."""
    if len(lines) <= _MOST_LINES:
        return _ledger(lines)
    states = _ledger(lines).groupby("state", as_index=False)
    return states.agg(uploads=("name", "size"), **{count: (count, "sum") for count in _COUNTS[2:]})


def _page(platform: Platform, contract: Contract, lines: Sequence[UploadLine]) -> dict[str, Any]:
    with platform.lake.read() as connection:
        types = views.column_types(connection, contract.kind)
        rows = views.row_counts(connection)[contract.kind]
        preview = views.preview(connection, contract.kind, upload=lines[-1].key)
        reasons = views.quarantine_reasons(connection, [line.key for line in lines])
    meanings = {c.name: c.description for c in contract.columns} | _OWN_MEANINGS
    columns = [(name, sql, meanings.get(name, "")) for name, sql in types.items()]
    return {
        # The result of this run comes first on the page.
        "ledger of this run": inline_table(_shown(lines)),
        "top quarantine reasons": inline_table(pd.DataFrame(reasons, columns=["reason", "rows"])),
        "rows merged": sum(line.merged for line in lines),
        "rows in quarantine": sum(line.quarantined for line in lines),
        "upload": lines[-1].sha256,
        **table_page(contract.kind, rows, columns, preview, contract.key),
    }


def _coverage(platform: Platform) -> dict[str, Any]:
    """Return the picture and the table of the days that all falhas uploads cover, by hall."""
    # The modelling rules take a second to import, which the other kinds need not wait for.
    from failure_platform.domain.figures.coverage import coverage_svg
    from failure_platform.resources.vehicles.covered_halls import covered_halls

    settings = platform.settings
    declared = tuple(sorted(settings.declared_days.items()))
    targets = [settings.target(name) for name in settings.targets]
    with platform.lake.read() as connection:
        strip = covered_halls(connection, targets, declared)
    if strip is None:
        return {}
    picture = base64.b64encode(coverage_svg(strip)).decode()
    return {
        "covered days": dg.MetadataValue.md(f"![{strip.alt}](data:image/svg+xml;base64,{picture})"),
        "covered days by hall": inline_table(strip.table.rename(columns={"not_covered": "not covered"})),
    }


def _checks(platform: Platform, contract: Contract, lines: Sequence[UploadLine]) -> Iterator[dg.AssetCheckResult]:
    uploads = [line.key for line in lines]
    with platform.lake.read() as connection:
        disagreements = views.ledger_disagreements(connection, uploads)
        violations = views.contract_violations(connection, contract, uploads)
        doubled = views.doubled_keys(connection, contract, uploads)
        reasons = views.quarantine_reasons(connection, uploads)
    yield dg.AssetCheckResult(
        passed=not disagreements,
        check_name="every_row_accounted_for",
        description="; ".join(disagreements) or None,
        metadata={"ledger": inline_table(_shown(lines))},
    )
    yield dg.AssetCheckResult(
        passed=violations == 0, check_name="rows_fit_the_contract", metadata={"rows that do not": violations}
    )
    yield dg.AssetCheckResult(
        passed=doubled == 0, check_name="natural_key_is_unique", metadata={"keys that occur twice": doubled}
    )
    rows = sum(line.quarantined for line in lines)
    yield dg.AssetCheckResult(
        passed=rows == 0,
        check_name="no_row_in_quarantine",
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{rows} rows were set aside; the good rows of the same files were merged." if rows else None,
        metadata={"reasons": inline_table(pd.DataFrame(reasons, columns=["reason", "rows"]))},
    )
