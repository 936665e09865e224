"""Rows at which a job raised: how often, why, and when it is tried again."""
