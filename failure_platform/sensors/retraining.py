"""Retraining without a hand: the automation sensor that follows the lake.

What belongs here: when the automation conditions on the assets are looked at. The conditions themselves stand beside
the assets that they start.
"""

import dagster as dg

# The daemon looks every 5 seconds; an interval of 5 would miss every other look by some milliseconds.
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
