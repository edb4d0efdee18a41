"""The sequence model: an LSTM over a vehicle's ordered test results, which needs optional libraries.

The estimator, its inputs and its network belong here. Which rows a sequence has (`domain.features.sequences`) and which
settings are tried (`domain.families.sequence`) do not. Read `model` first, then `inputs` and `network`.
"""
