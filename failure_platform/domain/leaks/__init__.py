"""The leak audit: finds data in a training that makes a model look better than it can be.

Statistics of features against label and vehicle identity, and the rules on them, belong here. What a training does with
a finding (`assets.candidate_model`) does not. Read `findings` and `audit` first; `by_label` has the rules on features
and label, `rules` finds near-certain rules, and `evidence` has the statistics.
"""
