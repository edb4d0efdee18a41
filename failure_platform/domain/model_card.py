"""The model card: what a person must know before relying on a version, as Markdown.

What belongs here: the text. What does not: the figures' origin (training, comparison).
"""

from collections import Counter
from collections.abc import Mapping

from failure_platform.domain.comparison import Comparison
from failure_platform.domain.feature_names import FAMILIES
from failure_platform.domain.targets import Target
from failure_platform.domain.training import TrainedModel


def model_card(
    version: str,
    target: Target,
    model: TrainedModel,
    data_version: str,
    comparison: Comparison | None,
    libraries: Mapping[str, str],
) -> str:
    """Return the card.

    Args:
        version: the model version's name.
        target: what it predicts.
        model: the trained model.
        data_version: name of the vehicles it was trained on.
        comparison: its comparison, when there is one already.
        libraries: library versions it was made with.
    """
    parts = [
        f"# Model {version}",
        _purpose(target),
        _data(model, data_version),
        _features(model),
        _choice(model),
        _figures(comparison),
        _limits(target),
        _reproduction(data_version, libraries),
    ]
    return "\n\n".join(parts) + "\n"


def _purpose(target: Target) -> str:
    groups = (
        "any failure group" if target.failure_groups is None else f"failure groups {', '.join(target.failure_groups)}"
    )
    return (
        f"## What it is for\n\n{target.description}\n\n"
        f"Target `{target.name}`: asked when a vehicle first reaches status {target.prediction_point}; a failure is a "
        f"falha of HALLE {', '.join(target.halle)} ({groups}) within {_days(target)} after it. It gives a probability "
        "per vehicle, to choose which vehicles to look at first. It does not release a vehicle from its test."
    )


def _data(model: TrainedModel, data_version: str) -> str:
    facts = model.facts
    return (
        "## Data\n\n"
        f"* Data version {data_version}\n"
        f"* Prediction points from {facts.trained_from:%Y-%m-%d %H:%M} to {facts.trained_until:%Y-%m-%d %H:%M}\n"
        f"* {facts.vehicles} vehicles with a known outcome, {facts.failures} of them failed "
        f"({100 * model.base_rate:.2f} %)"
    )


def _features(model: TrainedModel) -> str:
    counted = Counter(name.split(":")[0] for name in model.features)
    lines = [
        f"| {prefix} | {counted[prefix]} | {family.source} |" for prefix, family in FAMILIES.items() if counted[prefix]
    ]
    table = "\n".join(["| family | features | rows of |", "|---|---:|---|", *lines])
    return f"## Features\n\n{len(model.features)}, all from rows older than the prediction point:\n\n{table}"


def _choice(model: TrainedModel) -> str:
    facts = model.facts
    best = {
        family: min((one for one in facts.tried if one.family == family), key=lambda one: one.log_loss)
        for family in dict.fromkeys(one.family for one in facts.tried)
    }
    lines = [
        f"| {family} | {one.log_loss:.4f} | {_text(one.roc_auc)} | {_text(one.average_precision)} |"
        for family, one in best.items()
    ]
    table = "\n".join(
        [
            "| family, best setting | log loss | ROC AUC | average precision |",
            "|---|---:|---:|---:|",
            *lines,
            f"| base rate | {facts.base_rate_log_loss:.4f} | 0.500 | |",
        ]
    )
    growth = model.setting["growth"] or {}
    parts = {**model.setting, "growth": None, **{f"tree {key}": value for key, value in growth.items()}}
    chosen = ", ".join(f"{key} {value}" for key, value in parts.items() if key != "family" and value)
    return (
        f"## Family\n\n{model.family}, chosen by log loss on {facts.out_of_fold_vehicles} newer vehicles of the "
        f"training side, each scored by a model fitted on older ones:\n\n{table}\n\nSetting: {chosen}. A vehicle is "
        f"alarmed from a probability of {model.threshold:.3f}, the best F1 on the same vehicles."
    )


def _figures(comparison: Comparison | None) -> str:
    if comparison is None:
        return "## Figures\n\nOn vehicles newer than the training: see the comparison of this version."
    period = f"{comparison.period_from:%Y-%m-%d} to {comparison.period_to:%Y-%m-%d}" if comparison.vehicles else "none"
    rows = [
        f"| {row.metric} | {_text(row.new)} | {_text(row.new_low)} to {_text(row.new_high)} |"
        for row in comparison.table
    ]
    table = "\n".join(["| figure | value | interval |", "|---|---:|---:|", *rows])
    return (
        f"## Figures\n\nOn {comparison.vehicles} vehicles newer than the training ({period}), {comparison.failures} of "
        f"them failed; {100 * comparison.level:.4g} % intervals.\n\n{table}\n\n"
        f"Verdict: {comparison.verdict.outcome}. {comparison.verdict.reason}"
    )


def _limits(target: Target) -> str:
    return (
        "## Limits\n\n"
        f"* It says nothing about vehicles that never reach status {target.prediction_point}, and it knows a failure "
        "only where a falhas upload covers the days after.\n"
        "* Failures recorded later than the horizon count as none.\n"
        "* It was fitted on one period. New tests, new equipment or another mix of models can make it wrong; only "
        "newer vehicles with a known outcome show that.\n"
        "* A probability is not a cause: a feature it uses may only stand beside what makes vehicles fail."
    )


def _reproduction(data_version: str, libraries: Mapping[str, str]) -> str:
    listed = ", ".join(f"{name} {number}" for name, number in sorted(libraries.items()))
    return (
        f"## How to reproduce\n\nTrain again on data version {data_version} with the recipe recorded with this "
        f"version; the same rows and seed give the same model. Made with {listed}."
    )


def _days(target: Target) -> str:
    return f"{target.horizon.total_seconds() / 86400:g} days"


def _text(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
