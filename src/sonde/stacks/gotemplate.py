"""The conformance corpus's filter: JSON lines of {"template","context","missingkey"} to {"output"} or {"error"}."""

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Any

from sonde.gotemplate import TemplateError, functions, parse


class _Atmos:
    """The namespace `atmos` as far as templates without stacks can reach it."""

    def Component(self, component: str, stack: str) -> Any:  # noqa: N802  the name in templates
        raise LookupError(f"no stacks here: {component} {stack}")


def filter_functions() -> Mapping[str, Any]:
    """Everything that templates of the CLI may call, with this process's world."""
    host = functions.Host(env=dict(os.environ), now=lambda: datetime.now(UTC), random=SystemRandom(), base=Path.cwd())
    return {**functions.all(host), "atmos": _Atmos(), "collectKeys": functions.collect_keys}


def answer(request: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, str]:
    """One answer of the filter; `missingkey` is default or error."""
    try:
        template = parse(request["template"], name="t", functions=table)
        return {"output": template.render(request["context"], missingkey=request.get("missingkey", "default"))}
    except TemplateError as error:
        return {"error": error.message}


def main() -> None:
    """Answer every line of standard input."""
    table = filter_functions()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), table)), flush=True)


if __name__ == "__main__":
    main()
