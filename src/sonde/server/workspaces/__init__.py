"""Workspaces and the repositories that are linked to them."""
