"""Times on the wire: whole seconds, UTC, `Z` (protocol.md §5; the consumer pact demands exactly this)."""

from datetime import UTC, datetime


def wire_time(millis: int) -> str:
    """Epoch milliseconds as `YYYY-MM-DDTHH:MM:SSZ`, floored, so that a client never believes longer than the server."""
    return datetime.fromtimestamp(millis // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
