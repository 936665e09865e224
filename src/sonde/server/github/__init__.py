"""GitHub: signatures, events, the App's client, and effects that are sent exactly once."""
