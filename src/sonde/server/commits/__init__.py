"""Commits that a job of a pull request has the App make on its branch (protocol.md §7.1)."""
