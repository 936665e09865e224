"""Read-only GitHub tokens for private sources, where a policy in the source repository trusts the job (protocol.md §7.2)."""
