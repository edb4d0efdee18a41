"""The model registry: immutable versions, their comparisons, and the log of decisions about them.

A version's folder and row are written such that it exists completely or not at all; a decision is a compare-and-swap on
the version in production.
"""

import contextlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb

from failure_platform.domain.comparison.result import ComparisonRecord
from failure_platform.domain.deciding.decisions import decide as rule
from failure_platform.domain.deciding.log import DecisionLine, DecisionRequest, production
from failure_platform.domain.deciding.policy import Gates, Policy
from failure_platform.domain.model_version import ModelToSave, ModelVersion
from failure_platform.domain.training.blocked import Blocked
from failure_platform.resources.registry import fresh_process, model_files, tables
from failure_platform.resources.registry.mlflow_layout import EXAMPLE, EXPECTED
from failure_platform.resources.registry.model_files import ModelRefusedError
from failure_platform.resources.storage.locks import exclusive_lock

_NAME = re.compile(r"[A-Za-z0-9_-]+")


class LakeDoor(Protocol):
    """What the registry needs of the lake: a read-only connection, and one transaction for each `write` block."""

    def read(self) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open for reading."""

    def write(self) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open for one transaction."""


class ComparisonRefusedError(Exception):
    """The comparison was not recorded; the message says why and what to do."""


@dataclass(frozen=True)
class LoadedModel:
    """A version ready to predict: its pipeline (predict_proba over `row.features`) and its row."""

    pipeline: Any
    row: ModelVersion


class Registry:
    """The versions in one models folder and the rows about them in one lake. Making one touches nothing."""

    def __init__(self, models_folder: Path, lake: LakeDoor) -> None:
        """Keep where things are."""
        self._root = models_folder
        self._lake = lake

    def save(self, model: ModelToSave, now: datetime) -> ModelVersion:
        """Keep a trained model and return its row; it is the newest from now on.

        The same origin again gives the same row and leaves its files alone, and is only noted as trained again.

        The folder stands complete on disk before the row is committed, so whoever sees the row finds the model. A
        process killed in between leaves no version, and the next save clears up after it. Where a recorded version's
        files are damaged, they are written again and the row gets their hashes, provided that the model says the same
        of its sample.

        Raises:
            ModelRefusedError: skops cannot keep the model, or it is not the damaged one again.
            ValueError: the sample does not fit the model, or the target cannot be a folder's name.
        """
        target, version = model.origin.target, model.origin.version
        if not _NAME.fullmatch(target):
            raise ValueError(f"target '{target}' cannot name a folder. Use letters, digits, _ and - only.")
        beside = self._root / target
        with exclusive_lock(beside):
            model_files.remove_leftovers(beside)
            known = self._find(version)
            if known is not None and self._whole(known):
                with self._lake.write() as con:
                    tables.create(con)
                    tables.add_training(con, version, target, _utc(now))
                return known
            draft, files = model_files.write_draft(model, beside)
            if known is not None:
                _same_answers(known, files)
            row = model.row(_utc(now), files)
            with self._lake.write() as con:
                tables.create(con)
                tables.add_version(con, row)
                model_files.replace_folder(draft, beside / version)
        return self.version(version)

    def folder(self, version: str) -> Path:
        """Return where a version's files lie. Raises KeyError when there is no such version."""
        return self._folder(self.version(version))

    def load(self, version: str) -> LoadedModel:
        """Return a version, checked: its bytes, the types in it, and the libraries installed.

        Raises KeyError when there is no such version, ModelRefusedError when it must not be used.
        """
        row = self.version(version)
        pipeline, _ = model_files.load_model(self._folder(row), row.files, row.libraries)
        return LoadedModel(pipeline, row)

    def verify(self, version: str) -> float:
        """Load a version in a fresh process and ask it for its recorded sample.

        Returns the largest difference between recorded and fresh probabilities, at most 1e-9.
        Raises KeyError when there is no such version, ModelRefusedError when it does not say the same.
        """
        row = self.version(version)
        return fresh_process.verify_model(self._folder(row), row.files, row.libraries)

    def version(self, version: str) -> ModelVersion:
        """Return a version's row. Raises KeyError when there is none."""
        found = self._find(version)
        if found is None:
            raise KeyError(f"There is no model version '{version}' in the registry.")
        return found

    def versions(self, target: str) -> list[ModelVersion]:
        """Return a target's versions, newest first."""
        with self._lake.read() as con:
            return tables.versions(con, target)

    def newest(self, target: str) -> ModelVersion | None:
        """Return the version that the last training of a target gave, known before or not."""
        with self._lake.read() as con:
            return tables.newest(con, target)

    def current(self, target: str) -> ModelVersion | None:
        """Return the version in production: the last line of the log says which."""
        version = production(self.history(target))
        return None if version is None else self.version(version)

    def blocked(self, target: str) -> Blocked | None:
        """Return why the last training of a target gave no version; None if it gave one, or if there was none."""
        with self._lake.read() as con:
            return tables.blocked(con, target)

    def record_block(self, target: str, blocked: Blocked, now: datetime) -> None:
        """Keep why a training gave no version, until one does."""
        with self._lake.write() as con:
            tables.create(con)
            tables.add_block(con, target, blocked, _utc(now))

    def comparisons(self, target: str) -> list[ComparisonRecord]:
        """Return a target's comparisons, newest first."""
        with self._lake.read() as con:
            return tables.comparisons(con, target)[::-1]

    def uses(self, target: str, candidate: str, production: str | None, holdout: str) -> int:
        """Return how many comparisons were made on a holdout once this one is; one made before keeps its number."""
        with self._lake.read() as con:
            return _uses(tables.comparisons(con, target), candidate, production, holdout)

    def record_comparison(self, record: ComparisonRecord) -> ComparisonRecord:
        """Keep a comparison and return it; the one that is there when the same was compared on the same holdout before.

        Raises ComparisonRefusedError when a side is no version of the target, or when the holdout was used by others
        since `uses` was read, so that the comparison was made at too generous a level.
        """
        with self._lake.write() as con:
            tables.create(con)
            known = tables.targets(con)
            strangers = [v for v in (record.candidate, record.production) if v and known.get(v) != record.target]
            if strangers:
                raise ComparisonRefusedError(
                    f"{', '.join(strangers)} is no version of '{record.target}'. Save the model first."
                )
            earlier = tables.comparisons(con, record.target)
            same = next((c for c in earlier if c.id == record.id), None)
            if same is not None:
                return same
            counted = record.comparison.uses
            uses = _uses(earlier, record.candidate, record.production, record.comparison.holdout_id)
            if counted != uses:
                raise ComparisonRefusedError(
                    f"This comparison counts itself as use {counted} of its holdout, and it is use {uses}: another "
                    f"was made in the meantime. Materialise model_comparison again."
                )
            record = replace(record, compared_at=_utc(record.compared_at))
            tables.add_comparison(con, record)
            return record

    def history(self, target: str) -> list[DecisionLine]:
        """Return a target's decision log, oldest line first."""
        with self._lake.read() as con:
            return tables.decisions(con, target)

    def decide(self, request: DecisionRequest, now: datetime, policy: Policy, gates: Gates) -> DecisionLine:
        """Take a decision and return its line in the log.

        A version that is to become production is first loaded in a fresh process. The log is read, the rule applied
        and the line written in one transaction, so of two who decide at once the second is refused.

        Raises:
            DecisionRefusedError: the rule refuses; the log is as it was.
            ModelRefusedError: the version does not work in a fresh process; the log is as it was.
        """
        with self._lake.read() as con:
            line = _line(con, request, _utc(now), policy, gates)
        if line.production_version is not None and line.production_version != line.previous_version:
            self.verify(line.production_version)
        with self._lake.write() as con:
            tables.create(con)
            line = _line(con, request, _utc(now), policy, gates)
            tables.add_decision(con, line)
        return line

    def _find(self, version: str) -> ModelVersion | None:
        with self._lake.read() as con:
            return tables.version(con, version)

    def _folder(self, row: ModelVersion) -> Path:
        return self._root / row.target / row.version

    def _whole(self, row: ModelVersion) -> bool:
        try:
            model_files.verified_bytes(self._folder(row), row.files)
        except ModelRefusedError:
            return False
        return True


def _line(
    con: duckdb.DuckDBPyConnection, request: DecisionRequest, now: datetime, policy: Policy, gates: Gates
) -> DecisionLine:
    return rule(
        request,
        log=tables.decisions(con, request.target),
        versions=tables.targets(con),
        comparisons=tables.comparisons(con, request.target),
        decided_at=now,
        policy=policy,
        gates=gates,
    )


def _same_answers(known: ModelVersion, files: dict[str, str]) -> None:
    if any(known.files[name] != files[name] for name in (EXAMPLE, EXPECTED)):
        raise ModelRefusedError(
            f"The files of version {known.version} are damaged, and training it again gave a model that says something "
            f"else of the recorded sample. Nothing was changed. Put the folder back from a backup, or train with "
            f"another seed, which makes a version of its own."
        )


def _uses(earlier: list[ComparisonRecord], candidate: str, production: str | None, holdout: str) -> int:
    on_it = [c for c in earlier if c.comparison.holdout_id == holdout]
    again = [c.comparison.uses for c in on_it if (c.candidate, c.production) == (candidate, production)]
    return again[0] if again else len(on_it) + 1


def _utc(time: datetime) -> datetime:
    # The lake's TIMESTAMP has no zone; everything in it that is not the plant's own is UTC.
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
