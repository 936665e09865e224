"""What may be shown of an address: a git remote and a base URL may hold a password or a token."""

import re

LOGIN = re.compile(r"(https?://)[^/@\s]+@")


def address(url: str) -> str:
    """The address without a login. What is sent is never this."""
    return LOGIN.sub(r"\1***@", url)
