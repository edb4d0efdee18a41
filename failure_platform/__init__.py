"""Predicts which vehicles will fail their road test, and says when such a prediction cannot be trusted."""
