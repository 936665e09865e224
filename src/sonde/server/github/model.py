"""An effect: one thing on GitHub that shall look a certain way, or one dispatch that shall happen once."""

from dataclasses import dataclass, field
from enum import StrEnum


class EffectState(StrEnum):
    """`planned → sending (committed before the call) → sent`; a claim whose process died becomes lost and is looked for."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    LOST = "lost"
    FAILED = "failed"


class Kind(StrEnum):
    """What an effect does."""

    DISPATCH = "dispatch"
    CHECK = "check"
    COMMENT = "comment"
    CANCEL = "cancel"
    COMMIT_COMMENT = "commit_comment"


@dataclass(frozen=True)
class Effect:
    """`slot` is unique: ten pushes want one comment. `desired` is JSON; `version` rises when it changes."""

    slot: str
    kind: str
    repository_id: str
    subject_id: str
    desired: str
    version: int = 1
    sent_version: int = 0
    remote_id: int | None = None
    remote_url: str = ""
    state: EffectState = EffectState.PLANNED
    because: str = ""
    attempts: int = 0
    sending_since: int | None = None


@dataclass(frozen=True)
class Sent:
    """GitHub took it."""

    remote_id: int | None
    remote_url: str = ""


@dataclass(frozen=True)
class Refused:
    """GitHub will not do it, now or later; `because` is for people."""

    because: str


@dataclass(frozen=True)
class Later:
    """It certainly had no effect; try again after `wait` milliseconds."""

    because: str
    wait: int


@dataclass(frozen=True)
class Ambiguous:
    """Nobody knows whether it took effect."""

    because: str


Outcome = Sent | Refused | Later | Ambiguous


@dataclass(frozen=True)
class Commit:
    """A commit; `author` is the name that git has of him."""

    sha: str
    author: str
    message: str


@dataclass(frozen=True)
class Branch:
    """A branch and the commit it points to."""

    head: Commit
    protected: bool


@dataclass(frozen=True)
class PullHead:
    """Where a pull request comes from. `repository_id` is None where its fork is gone."""

    open: bool
    branch: str
    repository_id: int | None
    default_branch: str


@dataclass(frozen=True)
class Installation:
    """The account that the App is installed on."""

    account_id: int
    login: str
    suspended: bool


@dataclass(frozen=True)
class RestrictedToken:
    """A token that GitHub minted for somebody else; its text stays out of every log and `repr`."""

    token: str = field(repr=False)
    expires_at: str
    permissions: dict[str, str]
