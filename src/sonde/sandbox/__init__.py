"""An offline GitHub: repositories, pull requests, Actions, OIDC, webhooks, on this machine."""
