"""Warnings on stderr, under the level that `logs.level` or ATMOS_LOGS_LEVEL sets."""

from collections.abc import Mapping
from typing import NamedTuple, TextIO

LEVELS: Mapping[str, int] = {"trace": 0, "debug": 1, "info": 2, "warning": 3, "warn": 3, "error": 4, "off": 9}


class Log(NamedTuple):
    """`level` is one of LEVELS in any case; an unknown one counts as warning."""

    stream: TextIO
    level: str = "warning"

    def warning(self, text: str, **facts: object) -> None:
        """One line: the text, then `name=value` for each fact."""
        self._say("warning", "WARN", text, facts)

    def info(self, text: str, **facts: object) -> None:
        """Progress, for those who asked for it."""
        self._say("info", "INFO", text, facts)

    def _say(self, level: str, label: str, text: str, facts: Mapping[str, object]) -> None:
        if LEVELS.get(self.level.lower(), LEVELS["warning"]) <= LEVELS[level]:
            told = "".join(f" {name}={_shown(value)}" for name, value in facts.items())
            clear = "\r\033[K" if self.stream.isatty() else ""  # a bar may stand on the line
            self.stream.write(f"{clear}{label} {text}{told}\n")
            self.stream.flush()


def _shown(value: object) -> str:
    text = " ".join(str(value).split())
    return text if text and " " not in text else f'"{text}"'
