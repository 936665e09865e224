"""What functions may know of the world: passed in, never looked up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

from sonde.gotemplate.errors import FunctionError


@dataclass(frozen=True, eq=False)
class Host:
    """The world as templates see it; a part that is None is closed and its functions answer an error.

    env: environment by name. now: the clock, an aware datetime. random: a source of chance, SystemRandom for secrets.
    base: the folder that relative paths start from.
    """

    env: Mapping[str, str] | None = None
    now: Callable[[], datetime] | None = None
    random: Random | None = None
    base: Path | None = None

    def environment(self) -> Mapping[str, str]:
        if self.env is None:
            raise FunctionError("templates have no access to the environment here")
        return self.env

    def clock(self) -> datetime:
        if self.now is None:
            raise FunctionError("templates have no access to the clock here")
        return self.now()

    def chance(self) -> Random:
        if self.random is None:
            raise FunctionError("templates have no access to random numbers here")
        return self.random

    def folder(self) -> Path:
        if self.base is None:
            raise FunctionError("templates have no access to files here")
        return self.base


NO_HOST = Host()
