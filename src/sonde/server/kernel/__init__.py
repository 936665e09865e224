"""Database, HTTP door, crash points, ids and logs: what every domain stands on. Knows no domain."""
