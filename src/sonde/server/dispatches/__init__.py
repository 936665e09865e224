"""Triggers and the dispatches they cause: what runs, in which order, and how far it is."""
