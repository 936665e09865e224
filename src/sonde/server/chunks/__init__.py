"""Uploads that arrive in parts: kept until all are there, then handed over whole."""
