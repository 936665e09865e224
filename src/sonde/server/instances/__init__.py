"""Instances: a component in a stack, its last known status and its history."""
