"""The vehicles table of each target, kept up to date by upload.

Running the feature expressions and writing the table belong here. The expressions do not (domain.features).
"""
