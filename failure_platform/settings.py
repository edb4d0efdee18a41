"""The only reader of the environment and of the settings file; hands out frozen values.

What belongs here: every knob of the platform with its safe default, and where things lie inside the home folder.
What does not: any rule that uses a knob (domain), and any file access but the settings file itself.
"""

import os
from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from failure_platform.domain.deciding.policy import Gates
from failure_platform.domain.targets import ROAD_TEST, Target

LOOPBACK = ("127.0.0.1", "::1", "localhost")
ENV_PREFIX = "FAILURE_PLATFORM_"
SETTINGS_FILE = "settings.toml"
PERSON_KEY_FILE = "person.key"


class TargetSettings(BaseModel):
    """One target as written in the settings file, `[targets.<name>]`."""

    # Failure groups are numbers to people and text in the lake.
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    description: str = ""
    prediction_point: str = ROAD_TEST.prediction_point
    halle: tuple[str, ...] = ROAD_TEST.halle
    failure_groups: tuple[str, ...] | None = None
    horizon_days: float = Field(ROAD_TEST.horizon / timedelta(days=1), gt=0)

    def target(self, name: str) -> Target:
        """Return the value the rules work with."""
        return Target(
            name=name,
            prediction_point=self.prediction_point,
            halle=self.halle,
            failure_groups=self.failure_groups,
            horizon=timedelta(days=self.horizon_days),
            description=self.description,
        )


class AimSettings(BaseModel):
    """What the decision threshold is chosen for, `[training.aim]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["f1", "recall", "cost", "capacity"] = Field(
        "f1",
        description="f1: the best balance of misses and false alarms; recall: fewest alarms that find `recall` of the "
        "failures; cost: the least cost; capacity: as many alarms a day as `inspections_per_day`.",
    )
    recall: float = Field(0.8, gt=0, le=1, description="Share of the failures to find (kind recall).")
    missed_failure_cost: float = Field(30, gt=0, description="Cost of a failure not alarmed (kind cost).")
    false_alarm_cost: float = Field(1, gt=0, description="Cost of an alarm on a good vehicle (kind cost).")


class TrainingSettings(BaseModel):
    """How candidates are made, `[training]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    families: tuple[str, ...] | None = Field(
        None, description="Model families that compete; by default, all but the optional ones."
    )
    search: Literal["grid", "random", "bayesian"] = Field("grid", description="How settings of a family are searched.")
    search_trials: int = Field(40, ge=1, description="Most settings tried (random and bayesian).")
    search_seconds: float = Field(600, gt=0, description="No further setting is tried after this long.")
    mode: Literal["full", "incremental"] = Field(
        "full", description="full: all vehicles from nothing; incremental: goes on from production with newer vehicles."
    )
    balance: Literal["none", "class_weight", "oversample", "smote"] = Field(
        "none", description="Reweighting or resampling inside the pipeline; measured, none gives better probabilities."
    )
    calibration: Literal["auto", "none", "sigmoid", "isotonic"] = Field(
        "auto", description="How probabilities are corrected; auto takes what had the least log loss out of fold."
    )
    recency_half_life_days: float | None = Field(
        None, gt=0, description="A vehicle this much older than the newest weighs half; empty: all weigh the same."
    )
    aim: AimSettings = Field(default_factory=AimSettings, description="What the decision threshold is chosen for.")


class GateSettings(BaseModel):
    """What the automatic policy asks beyond the verdict, `[gates]`. A person may decide otherwise, saying why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_failures: int = Field(100, ge=2, description="Fewer failures in the comparison: a person decides.")
    min_recall: float = Field(0.0, ge=0, le=1, description="Least share of the failures that the candidate alarms.")
    max_calibration_error: float = Field(0.05, gt=0, le=1, description="Most calibration error of the candidate.")
    worst_slice: bool = Field(True, description="A slice that is credibly worse than in production holds it back.")


class DeclaredPeriod(BaseModel):
    """The days for which a falhas file is declared to be complete, `[declared_periods."<file name>"]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_day: date
    last_day: date


class Settings(BaseSettings):
    """Every setting, from `<home>/settings.toml` and `FAILURE_PLATFORM_*` (the environment wins)."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid")

    home: Path = Field(Path("data"), description="Folder that holds everything the platform writes.")
    host: str = Field("127.0.0.1", description="Address the UI listens on. It has no login: keep it local.")
    port: int = Field(3000, ge=0, le=65535, description="Port of the UI; 0 takes a free one.")
    policy: Literal["manual", "automatic"] = Field(
        "manual", description="A person decides (manual), or `better` that passes all gates is promoted (automatic)."
    )
    targets: dict[str, TargetSettings] = Field(
        default_factory=lambda: {ROAD_TEST.name: TargetSettings(description=ROAD_TEST.description)},
        description="What is predicted, by name.",
    )
    date_order: dict[str, Literal["day_first", "month_first"]] = Field(
        default_factory=dict,
        description="By upload kind, what 03/04/2025 is where neither the file nor its vehicles' weeks show it.",
    )
    hour_precision: frozenset[str] = Field(
        frozenset(),
        description="Upload kinds of which times to the hour are taken where an export prints the month as minutes.",
    )
    settle_seconds: float = Field(1.0, ge=0, description="A file is picked up once unchanged for this long.")
    uploads_per_run: int = Field(1000, ge=1, description="Most uploads that one run takes from a backlog.")
    reading_memory: ByteSize = Field(
        ByteSize(4 << 30), ge=1 << 28, description="Memory that reading one file may take, such as 4GiB; else refused."
    )
    reading_minutes: float = Field(60, gt=0, description="How long reading one file may take; else it is refused.")
    holdout_share: float = Field(0.25, gt=0, lt=1, description="Newest share of vehicles kept for the comparison.")
    min_failures_to_train: int = Field(10, ge=2, description="Fewer failures on the training side: no candidate.")
    min_failures_to_judge: int = Field(30, ge=2, description="Fewer failures in the comparison: verdict `not_judged`.")
    training: TrainingSettings = Field(default_factory=TrainingSettings, description="How candidates are made.")
    gates: GateSettings = Field(default_factory=GateSettings, description="What the automatic policy asks for.")
    inspections_per_day: int = Field(
        20, ge=1, description="Vehicles that can be inspected in a day: of each day, the riskiest this many."
    )
    comparisons_per_holdout: int = Field(
        10, ge=1, description="Candidates compared on the same vehicles before newer ones are asked for."
    )
    accepted_features: frozenset[str] = Field(
        frozenset(), description="Features that somebody looked at after the leak audit named them, and that may stay."
    )
    declared_periods: dict[str, DeclaredPeriod] = Field(
        default_factory=dict, description="By falhas file name, the days it covers where its rows do not show them."
    )
    interval_level: float = Field(0.95, gt=0.5, lt=1, description="Level of the intervals on the comparison's page.")
    bootstrap_samples: int = Field(2000, ge=200, description="Resamples behind each interval.")
    seed: int = Field(20240101, description="Seed of everything random; recorded with every version.")
    lake_wait_seconds: float = Field(600, ge=0, description="How long to wait for the lake while another run writes.")
    lake_memory: str = Field("2GB", description="Memory DuckDB may use before it spills to disk.")
    lake_threads: int = Field(2, ge=1, description="Threads DuckDB may use.")
    person_key: SecretStr | None = Field(
        None, description="Key of the hash that replaces USUARIO; without it `<home>/person.key` is made once and used."
    )
    mlflow: bool = Field(False, description="Mirror versions, figures and aliases to an MLflow store in the home.")

    @field_validator("date_order", "hour_precision")
    @classmethod
    def _known_kinds(cls, by_kind: Collection[str]) -> Collection[str]:
        if not by_kind:
            return by_kind
        # Loads pandera, which takes longer than most commands; hardly a home needs these settings.
        from failure_platform.domain.contracts import CONTRACTS

        unknown = sorted(set(by_kind) - set(CONTRACTS))
        if unknown:
            raise ValueError(f"no upload kind is called {', '.join(unknown)}; there are: {', '.join(CONTRACTS)}")
        return by_kind

    @field_validator("host")
    @classmethod
    def _local(cls, host: str) -> str:
        if host not in LOOPBACK:
            raise ValueError(
                f"{host} can be reached from outside and the UI has no login: keep 127.0.0.1 and put a proxy with a "
                "login before it"
            )
        return host

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then the one file in the home folder."""
        asked = init_settings().get("home") or os.environ.get(f"{ENV_PREFIX}HOME") or cls.model_fields["home"].default
        file = Path(asked) / SETTINGS_FILE
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)

    @property
    def root(self) -> Path:
        """The home folder, absolute."""
        return self.home.expanduser().resolve()

    @property
    def uploads_folder(self) -> Path:
        """Where people drop files, one folder per kind."""
        return self.root / "uploads"

    @property
    def archive_folder(self) -> Path:
        """Originals by content hash; private, since originals name people."""
        return self.root / "archive"

    @property
    def staging_folder(self) -> Path:
        """Text rows of each upload on their way to the lake; can be rebuilt from the archive."""
        return self.root / "staging"

    @property
    def lake_file(self) -> Path:
        """The DuckDB file."""
        return self.root / "lake" / "lake.duckdb"

    @property
    def models_folder(self) -> Path:
        """Immutable model versions."""
        return self.root / "models"

    @property
    def reports_folder(self) -> Path:
        """Pictures of each comparison."""
        return self.root / "reports"

    @property
    def mlflow_folder(self) -> Path:
        """The mirror's store, when it is switched on."""
        return self.root / "mlflow"

    @property
    def dagster_folder(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster"

    @property
    def policy_gates(self) -> Gates:
        """What the automatic policy asks of a comparison."""
        return Gates(
            min_failures=self.gates.min_failures,
            most_uses=self.comparisons_per_holdout,
            min_recall=self.gates.min_recall,
            max_calibration_error=self.gates.max_calibration_error,
            worst_slice=self.gates.worst_slice,
        )

    def target(self, name: str) -> Target:
        """Return the target of that name.

        Raises:
            KeyError: no such target; the message lists those there are.
        """
        if name not in self.targets:
            raise KeyError(f"no target '{name}' in the settings; there are: {', '.join(sorted(self.targets))}")
        return self.targets[name].target(name)
