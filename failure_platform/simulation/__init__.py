"""A simulated plant: vehicles, the uploads they leave, and the truth about why they fail.

Belongs here: everything that the simulator's door writes, as values. Nothing of the platform itself imports it: a model
must not be able to see how its data was made.
"""
