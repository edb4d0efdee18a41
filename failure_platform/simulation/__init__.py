"""A simulated plant: vehicles, their upload files, and the ground truth about their failures.

Only the command line, tests and benchmarks use it; the platform itself does not import it, so no model can depend on
how the data was made. Read `simulation.plan` first; `simulation.writing` is the only module that touches the disk.
"""
