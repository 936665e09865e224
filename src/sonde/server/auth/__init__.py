"""Who is calling: GitHub OIDC exchange, sessions, static tokens."""
