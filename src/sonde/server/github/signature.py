"""Webhook signatures (GitHub: "Validating webhook deliveries")."""

import hmac


def genuine(secret: str, body: bytes, header: str) -> bool:
    """Whether `X-Hub-Signature-256` fits the raw bytes; compared in constant time, SHA-256 only."""
    expected = "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()
    return hmac.compare_digest(expected.encode(), header.encode("utf-8", "surrogateescape"))
