"""Every setting of the platform: the only reader of the environment and of the settings file.

A setting that a rule uses is defined in the domain, with default, limits and description; nothing here repeats them.
"""

import os
from collections.abc import Collection
from copy import copy
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from failure_platform.domain.comparison.settings import ComparisonSettings
from failure_platform.domain.deciding.policy import Gates, GateSettings, Policy
from failure_platform.domain.leaks.findings import Acceptance
from failure_platform.domain.targets import ROAD_TEST, Target
from failure_platform.domain.training.recipe import Recipe, TrainingSettings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
ENV_PREFIX = "FAILURE_PLATFORM_"
SETTINGS_FILE = "settings.toml"
PERSON_KEY_FILE = "person.key"


def _defined_by(owner: type[Any], name: str) -> Any:
    """Return default, limits and description of a field of the domain, for the setting that gives its value."""
    return copy(owner.__pydantic_fields__[name])


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
    policy: Policy = Field(
        Policy.manual,
        description="A person decides (manual), or `better` that passes all gates is promoted (automatic).",
    )
    targets: dict[str, Target] = Field(
        default_factory=lambda: {ROAD_TEST.name: ROAD_TEST}, description="What is predicted, by name."
    )
    date_order: dict[str, Literal["day_first", "month_first"]] = Field(
        default_factory=dict,
        description="By upload kind, what 03/04/2025 is where neither the file nor its vehicles' weeks show it.",
    )
    hour_precision: frozenset[str] = Field(
        frozenset(),
        description="Upload kinds of which times to the hour are taken where an export prints the month as minutes.",
    )
    accepted_clocks: frozenset[str] = Field(
        frozenset(),
        description="Upload kinds whose times of day are taken as they are: all midnight, or never after 12:59.",
    )
    settle_seconds: float = Field(1.0, ge=0, description="A file is picked up once unchanged for this long.")
    uploads_per_run: int = Field(1000, ge=1, description="Most uploads that one run takes from a backlog.")
    reading_memory: ByteSize = Field(
        ByteSize(4 << 30), ge=1 << 28, description="Memory that reading one file may take, such as 4GiB; else refused."
    )
    reading_minutes: float = Field(60, gt=0, description="How long reading one file may take; else it is refused.")
    holdout_share: float = _defined_by(Recipe, "holdout_share")
    min_failures_to_train: int = _defined_by(Recipe, "min_failures")
    min_failures_to_judge: int = _defined_by(ComparisonSettings, "min_failures")
    training: TrainingSettings = Field(default_factory=TrainingSettings, description="How candidates are trained.")
    gates: GateSettings = Field(default_factory=GateSettings, description="What the automatic policy requires.")
    inspections_per_day: int = _defined_by(Recipe, "inspections_per_day")
    comparisons_per_holdout: int = _defined_by(ComparisonSettings, "most_uses")
    accepted_features: dict[str, Acceptance] = Field(
        default_factory=dict,
        description="Features that the leak audit named and that may stay: by name, who looked (who) and why it is "
        "honest (why). Stored with every version.",
    )
    declared_periods: dict[str, DeclaredPeriod] = Field(
        default_factory=dict, description="By falhas file name, the days it covers where its rows do not show them."
    )
    interval_level: float = _defined_by(ComparisonSettings, "interval_level")
    bootstrap_samples: int = _defined_by(ComparisonSettings, "repetitions")
    seed: int = _defined_by(Recipe, "seed")
    lake_wait_seconds: float = Field(600, ge=0, description="How long to wait for the lake while another run writes.")
    lake_memory: str = Field("2GB", description="Memory DuckDB may use before it spills to disk.")
    lake_threads: int = Field(2, ge=1, description="Threads DuckDB may use.")
    person_key: SecretStr | None = Field(
        None, description="Key of the hash that replaces USUARIO; without it `<home>/person.key` is made once and used."
    )
    mlflow: bool = Field(False, description="Mirror versions, figures and aliases to an MLflow store in the home.")

    @field_validator("accepted_features", mode="before")
    @classmethod
    def _with_reason(cls, accepted: Any) -> Any:
        """Refuse a bare list of names: a version records who accepted a feature, and why."""
        if isinstance(accepted, list | tuple | set | frozenset):
            raise ValueError(  # noqa: TRY004 - pydantic reports ValueErrors as wrong settings
                "a list of names does not say who looked and why the feature may stay; write for each "
                "[accepted_features.'<feature>'] with who = '...' and why = '...'"
            )
        return accepted

    @field_validator("targets", mode="before")
    @classmethod
    def _named(cls, sections: Any) -> Any:
        """Name each target after its section."""
        if not isinstance(sections, dict):
            return sections
        for name, section in sections.items():
            if isinstance(section, dict) and "name" in section:
                raise ValueError(f"leave `name` out of [targets.{name}]: a target is named by its section")
        return {
            name: {**section, "name": name} if isinstance(section, dict) else section
            for name, section in sections.items()
        }

    @field_validator("home", mode="before")
    @classmethod
    def _named_home(cls, home: Any) -> Any:
        if home == "":
            raise ValueError("it is empty: name a folder, or leave it unset for ./data")
        return home

    @field_validator("home")
    @classmethod
    def _plain_home(cls, home: Path) -> Path:
        try:
            root = str(home.expanduser().resolve())
        except RuntimeError as unknown:  # ~ of a user that does not exist
            raise ValueError(f"{home}: {unknown}; write the complete path") from unknown
        if root != root.encode(errors="replace").decode():
            raise ValueError(f"{root!r} is not written in UTF-8, as Dagster's settings are: choose another folder")
        # Dagster loads dagster.yaml by `glob.glob`: where [ * or ? hide it, telemetry is on and no run is limited. Its
        # SQLite databases have URLs, in which %20 is a blank: they would lie in another folder.
        if signs := sorted(set("[*?%") & set(root)):
            raise ValueError(
                f"{root} contains {' and '.join(signs)}, which Dagster does not take literally in a path: it would "
                "pass over its settings or write elsewhere. Rename that folder, or choose another one"
            )
        return home

    @field_validator("date_order", "hour_precision", "accepted_clocks")
    @classmethod
    def _known_kinds(cls, by_kind: Collection[str]) -> Collection[str]:
        if not by_kind:
            return by_kind
        # Imports pandera, which takes longer than most commands; few homes need these settings.
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
        home = init_settings().get("home") or os.environ.get(f"{ENV_PREFIX}HOME") or cls.model_fields["home"].default
        try:
            file = Path(home).expanduser() / SETTINGS_FILE
        except RuntimeError:  # refused with the other settings
            return init_settings, env_settings
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
    def declared_days(self) -> dict[str, tuple[date, date]]:
        """The first and last day for which a falhas file is declared to be complete, by file name."""
        return {name: (period.first_day, period.last_day) for name, period in self.declared_periods.items()}

    def recipe(self, started_from: str | None = None) -> Recipe:
        """Return the recipe of a training run.

        Args:
            started_from: version that incremental training goes on from; None: trained from nothing.
        """
        return Recipe(
            **vars(self.training),
            seed=self.seed,
            min_failures=self.min_failures_to_train,
            holdout_share=self.holdout_share,
            inspections_per_day=self.inspections_per_day,
            started_from=started_from,
        )

    @property
    def comparison(self) -> ComparisonSettings:
        """What a comparison requires of the evidence."""
        return ComparisonSettings(
            interval_level=self.interval_level,
            min_failures=self.min_failures_to_judge,
            repetitions=self.bootstrap_samples,
            most_uses=self.comparisons_per_holdout,
            seed=self.seed,
            inspections_per_day=self.inspections_per_day,
        )

    @property
    def policy_gates(self) -> Gates:
        """What the automatic policy requires of a comparison."""
        return Gates(**vars(self.gates), most_uses=self.comparisons_per_holdout)

    def target(self, name: str) -> Target:
        """Return the target of that name.

        Raises:
            KeyError: no such target; the message lists those there are.
        """
        if name not in self.targets:
            raise KeyError(f"no target '{name}' in the settings; there are: {', '.join(sorted(self.targets))}")
        return self.targets[name]
