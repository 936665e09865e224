"""The types a caller of the loader meets: `Loaded`, `Tagged` and `YamlError`."""

from dataclasses import dataclass
from typing import Any

# The YAML functions of a stack manifest (stacks.md §7), in the order in which the error about an unknown tag lists them.
FUNCTION_TAGS = (
    "!exec",
    "!secret",
    "!store",
    "!store.get",
    "!template",
    "!terraform.output",
    "!terraform.state",
    "!env",
    "!cel",
    "!include",
    "!include.raw",
    "!repo-root",
    "!git.root",
    "!git.sha",
    "!git.branch",
    "!git.ref",
    "!git.repository",
    "!git.owner",
    "!git.name",
    "!git.host",
    "!git.url",
    "!append",
    "!cwd",
    "!unset",
    "!random",
    "!literal",
    "!aws.account_id",
    "!aws.caller_identity_arn",
    "!aws.caller_identity_user_id",
    "!aws.region",
    "!aws.organization_id",
    "!emulator",
    "!version",
    "!tags",
    "!labels",
    "!labels.keys",
    "!labels.values",
)


@dataclass(frozen=True, slots=True)
class Tagged:
    """A node with a YAML function's tag, kept for the engine: `!env HOME` is `Tagged("!env", "HOME")`.

    `value` is the scalar's text, stripped, or the list below `!append`. `!literal` is already taken off by the loader.
    """

    tag: str
    value: Any

    @property
    def text(self) -> str:
        """The string that stands for an unevaluated function, as `--process-functions=false` prints it."""
        return f"{self.tag} {self.value}".strip() if isinstance(self.value, str) else self.tag


class YamlError(Exception):
    """A document that cannot be loaded. `message` is yaml.v3's text; `line` and `column` count from 1, None if unknown."""

    def __init__(self, message: str, name: str = "", line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.name = name
        self.line = line
        self.column = column
        self.unknown_anchor_at: int | None = None  # characters before an alias to no anchor
