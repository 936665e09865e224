"""GitHub tokens for private sources: the `github/sts` integration and its `atmos/pro` provider (protocol.md §7.2)."""
