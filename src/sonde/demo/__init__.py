"""The demo: server, sandbox and a sample repository, one pull request from webhook to concluded check."""
