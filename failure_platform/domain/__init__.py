"""Rules: values in, values out, without Dagster, disk, clock or environment.

Read along the data: `contracts` names the columns, `rows` types and validates them, `vehicles` derives labels and
`features` what is known of each vehicle, `training` fits models, `comparison` and `deciding` choose between them.
Whatever touches disk, lake or registry belongs in `resources`.
"""
