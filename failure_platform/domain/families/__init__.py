"""The model families: the settings that each offers, and the scikit-learn classifier of a setting.

A family (one file each) and the preprocessing that families share belong here. How a setting is chosen does not
(domain.training). Read `domain.families.family` first; `domain.families.available` lists the families by name.
"""
