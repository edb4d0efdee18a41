"""The features of each vehicle: what was known of it before its prediction point, as Ibis expressions.

Computing features, naming them and arranging them as a frame belong here. Prediction points and labels
(`domain.vehicles`) and running the SQL (`resources.vehicles`) do not. An identifier, an upload, a row hash, a person or
an absolute date is never a feature; durations and counts are safe. Read `description` first.
"""
