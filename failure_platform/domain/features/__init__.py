"""What was known of each vehicle before its prediction point.

What belongs here: one file per family of features, each an Ibis expression. What does not: how features are called
and explained (names), what came after the prediction point (labels), how cells become a frame (wide).

Never a feature: an identifier, an upload, a row hash, a person, an absolute date. Durations and counts are safe.
"""
