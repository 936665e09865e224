"""What this machine does at best at this moment: commits of SQLite, checks of a signature."""

import sqlite3
from pathlib import Path
from time import perf_counter

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256


def sqlite_commits(folder: Path, seconds: float) -> float:
    """Commits of one row in a second, one writer, with the durability that the server asks for (WAL, synchronous=FULL)."""
    connection = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS floor (id INTEGER PRIMARY KEY, body TEXT)")
        done, began, row = 0, perf_counter(), "x" * 200
        while perf_counter() - began < seconds:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO floor (body) VALUES (?)", (row,))
            connection.execute("COMMIT")
            done += 1
        return done / (perf_counter() - began)
    finally:
        connection.close()


def signature_checks(seconds: float) -> float:
    """RS256 signatures of 2048 bits that one thread checks in a second."""
    key = generate_private_key(65537, 2048)
    signed = b"x" * 1024
    signature, public = key.sign(signed, PKCS1v15(), SHA256()), key.public_key()
    done, began = 0, perf_counter()
    while perf_counter() - began < seconds:
        public.verify(signature, signed, PKCS1v15(), SHA256())
        done += 1
    return done / (perf_counter() - began)
