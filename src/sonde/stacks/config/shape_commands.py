"""The part of the table in `shape` about `commands`: a command, its steps and its sub-commands."""

from typing import Any

Shape = dict[str, Any]

STEP_TEXTS = [
    "name",
    "command",
    "type",
    "stack",
    "title",
    "content",
    "level",
    "prompt",
    "placeholder",
    "default",
    "border",
    "padding",
    "path",
    "working_directory",
    "identity",
    "message",
    "output",
    "spinner",
    "style",
    "separator",
    "shell",
    "width",
    "height",
    "align",
    "text",
    "markdown",
    "template",
    "language",
    "voice",
    "url",
    "duration",
]

STEP: Shape = {
    **dict.fromkeys(STEP_TEXTS, "s?"),
    **dict.fromkeys(("columns", "options", "extensions", "args", "needs"), "[s]?"),
    **dict.fromkeys(("multiple", "password", "confirm", "interactive", "background", "tty"), "b?"),
    **dict.fromkeys(("limit", "parallelism", "max_width"), "i?"),
    **dict.fromkeys(("env", "vars", "with", "data", "outputs", "steps", "container"), "any?"),
    "timeout": "d?",
    "continue": "any",
    "when": "any",
    "retry": ("?", {"initial_delay": "d?", "max_delay": "d?", "max_elapsed_time": "d?", "*": "any"}),
}

COMMAND: Shape = {
    "name": "s",
    "description": "s",
    "env": ("[]", {"key": "s", "value": "s", "valueCommand": "s"}),
    "arguments": ("[]", {"name": "s", "description": "s", "required": "b", "default": "s"}),
    "flags": (
        "[]",
        {
            "name": "s",
            "shorthand": "s",
            "type": "s",
            "description": "s",
            "usage": "s",
            "required": "b",
            "default": "any",
            "semantic_type": "s?",
        },
    ),
    "component_config": {"component": "s", "stack": "s"},
    "steps": ("steps", STEP),
    "verbose": "b",
    "working_directory": "s?",
    "identity": "s?",
    "dependencies": ("?", {"tools": "{s}?"}),
}
COMMAND["commands"] = ("[]", COMMAND)
