"""A trust policy, and why a source gets no token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

CAP: Mapping[str, str] = {"contents": "read", "metadata": "read"}  # more is never given (T19)


class Reason(StrEnum):
    """The words that clients know (protocol.md §7.2)."""

    NOT_INSTALLED = "not_installed_in_workspace"
    NO_POLICY = "no_trust_policy"
    DENIED = "trust_policy_denied"
    INVALID = "trust_policy_invalid"
    SUSPENDED = "installation_suspended"


@dataclass(frozen=True)
class Policy:
    """One file `.atmos/pro/sts/NAME.yaml`. Exactly one of `allow`, `subject` and `subject_pattern` is set."""

    permissions: Mapping[str, str]
    allow: tuple[str, ...] = ()
    issuer: str = ""
    subject: str = ""
    subject_pattern: str = ""
    audience: str = ""
    claim_pattern: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Invalid:
    """What is wrong with a policy file, for the server's log."""

    because: str
