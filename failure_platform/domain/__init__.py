"""Rules: values in, values out. Knows no Dagster, no disk, no clock and no environment."""
