"""The automation sensor that evaluates the conditions of the assets behind the lake."""

import dagster as dg

# The daemon evaluates sensors every 5 seconds. With an interval of 5, every other tick would be milliseconds early.
RETRAINING_TICK_SECONDS = 1


def retraining_sensor(selection: dg.AssetSelection) -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that starts the stages behind the lake, on by default."""
    return dg.AutomationConditionSensorDefinition(
        name="retraining",
        target=selection,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=RETRAINING_TICK_SECONDS,
        description="Starts vehicles, candidate, comparison and predictions once an upload has changed the lake.",
    )
