"""The one family of errors of the stack engine: a text, hints and the exit code the command ends with (stacks.md §13)."""

from collections.abc import Sequence


class StacksError(Exception):
    """Configuration or manifests are wrong. `hints` say the next step, one sentence each."""

    def __init__(self, message: str, *, hints: Sequence[str] = (), exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hints = tuple(hints)
        self.exit_code = exit_code
