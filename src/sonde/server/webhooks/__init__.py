"""The inbox of GitHub's webhooks: stored before they are acknowledged, processed from their rows. Imports no other domain."""
