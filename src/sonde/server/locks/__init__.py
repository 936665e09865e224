"""Stack locks: who holds an instance, until when, and with which fence (reliability.md §4)."""
