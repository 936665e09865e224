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

# Fields of one type of step each.
SPECIAL_TEXTS = [
    *("action", "body", "border_background", "border_foreground", "destination", "foreground", "format", "hint"),
    *("interpreter", "interval", "key", "key_interval", "margin", "method", "mode", "mtime", "print", "provider"),
    *("rate", "regex", "script", "subpath", "write_rate"),
]
SPECIAL_SWITCHES = [
    *("background_async", "bold", "cursor", "faint", "italic", "reset", "runtime_auto_start", "strikethrough"),
    "underline",
]
SPECIAL_PARTS = [
    *("artifacts", "build", "cast_output", "defaults", "expect", "fail", "fields", "form", "headers", "inputs"),
    *("inspect", "matrix", "parallel_output", "preconditions", "push", "query", "run", "runtime", "show"),
    *("simulate_prompt", "source", "viewport"),
]
RUN: Shape = {
    "name": "s?",
    "file": "s?",
    "args": "[s]?",
    "flags": "{s}?",
    "fail": "s?",
}
NEED: Shape = dict.fromkeys(("name", "component", "stack", "kind", "path"), "s?")

STEP: Shape = {
    **dict.fromkeys(SPECIAL_TEXTS, "s?"),
    **dict.fromkeys(("dirs", "exclude", "files", "for", "include", "tools"), "[s]?"),
    **dict.fromkeys(SPECIAL_SWITCHES, "b?"),
    **dict.fromkeys(("code", "count", "max_concurrency", "repeat"), "i?"),
    **dict.fromkeys(SPECIAL_PARTS, "any?"),
    "jitter": "f?",
    "export": "b!",
    **dict.fromkeys(STEP_TEXTS, "s?"),
    **dict.fromkeys(("columns", "options", "extensions", "args", "needs"), "[s]?"),
    **dict.fromkeys(("multiple", "password", "confirm", "interactive", "background", "tty"), "b?"),
    **dict.fromkeys(("limit", "parallelism", "max_width"), "i?"),
    **dict.fromkeys(("env", "vars"), "{s}?"),
    **dict.fromkeys(("with", "data", "outputs", "steps", "container"), "any?"),
    "timeout": "d?",
    "continue": "when",
    "when": "when",
    "retry": ("?", {"initial_delay": "d?", "max_delay": "d?", "max_elapsed_time": "d?", "*": "any"}),
}

COMMAND: Shape = {
    "name": "s",
    "description": "s",
    "env": ("[]", {"key": "s", "value": "s", "valueCommand": "s"}),
    "arguments": (
        "[]",
        {"name": "s", "description": "s", "type": "s?", "required": "b", "default": "s", "values": "[s]?"},
    ),
    "aliases": "[s]?",
    "default": "s?",
    "internal": "b?",
    "component": ("?", {"type": "s", "base_path": "s?"}),
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
            "values": "[s]?",
        },
    ),
    "component_config": {"component": "s", "stack": "s"},
    "steps": ("steps", STEP),
    "verbose": "b",
    "working_directory": "s?",
    "identity": "s?",
    "dependencies": (
        "?",
        {
            "tools": "{s}?",
            "files": "[s]?",
            "folders": "[s]?",
            "commands": ("names?", RUN),
            "workflows": ("names?", RUN),
            "components": ("[]?", NEED),
        },
    ),
}
COMMAND["commands"] = ("[]", COMMAND)
