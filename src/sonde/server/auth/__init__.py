"""Who is calling, and what they may do: GitHub OIDC exchange, sessions, static tokens, permissions.

GitHub's token    jws (signature), jwks (the issuer's keys), verify (its claims), runs and run_store (does its run live)
our sessions      sessions (signed tokens and their keys), known (told from memory), model, store, service and api (the exchange)
permissions       patterns, decide (pure), permissions, permission_store
the page          posture (what is open, and how to close it), pages
"""
