"""The one family of errors of the stack engine: a text, hints and the exit code the command ends with (stacks.md §13)."""

from collections.abc import Sequence


class StacksError(Exception):
    """Configuration or manifests are wrong. `hints` say the next step, one sentence each."""

    def __init__(self, message: str, *, hints: Sequence[str] = (), exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hints = tuple(hints)
        self.exit_code = exit_code

    @property
    def flat(self) -> str:
        """The text in one piece, as it stands behind what was attempted."""
        return self.message


class TitledError(StacksError):
    """An error with a title and what it is about. Alone it is told in two paragraphs, behind a prefix in one."""

    def __init__(self, title: str, detail: str, *, hints: Sequence[str] = (), exit_code: int = 1) -> None:
        super().__init__(f"{title}\n\n{detail}", hints=hints, exit_code=exit_code)
        self.title = title
        self.detail = detail

    @property
    def flat(self) -> str:
        return f"{self.title}: {self.detail}"
