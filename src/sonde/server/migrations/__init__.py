"""Alembic migrations: forward only, each on both databases."""
