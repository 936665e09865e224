"""Executions: what each command of a client did, as it tells afterwards."""
