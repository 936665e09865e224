"""Values as Go prints them."""

from typing import Any

from sonde.gotemplate.fmt import sprint


def text(value: Any) -> str:
    """A value of `env` as a process gets it, as `%v` has it: `map[a:1]` for a map, `<nil>` for nothing (stacks.md §12)."""
    return "<nil>" if value is None else sprint(value)
