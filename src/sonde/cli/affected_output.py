"""Where an answer goes and how it is written: JSON, YAML, a yq query over it, or a GitHub Actions matrix (stacks.md §10.3)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonde.cli import printing
from sonde.cli.errors import CliError
from sonde.cli.process import Process
from sonde.stacks.yamldump import Struct

FORMATS = ("json", "yaml", "matrix")
FIRST = ("component", "component_type", "component_path", "stack", "stack_slug")
MATRIX_FIELDS = ("stack", "component", "component_path", "component_type")


@dataclass(frozen=True)
class Output:
    """The flags about the output. Empty texts were not given."""

    form: str
    file: str
    output_file: str
    query: str

    def check(self) -> None:
        """Refuse what does not fit together. Raises CliError."""
        if self.form not in FORMATS:
            raise CliError("invalid format", hints=[f"Supported formats: {', '.join(FORMATS)}."])
        if self.output_file and self.form != "matrix":
            raise CliError("invalid flag\n\n--output-file is only supported with --format=matrix")

    @property
    def skips_upload(self) -> bool:
        """Nothing is uploaded when the answer was asked for in another shape (Q19)."""
        return bool(self.query) or self.form == "matrix"

    def write(self, items: Sequence[Mapping[str, Any]], world: Process, *, ci: bool) -> None:
        """Write the items where the flags say. In CI a matrix goes to $GITHUB_OUTPUT."""
        if self.form == "matrix":
            self._write_matrix(items, world, ci=ci)
            return
        empty = self.query or self.form == "yaml"
        value: Any = [_without_nothing(item) for item in items] if empty else list(items)
        if self.query:
            from sonde.stacks import yq

            value = yq.evaluate(value, self.query)
        text = printing.render(value, self.form)
        if self.file:
            Path(self.file).write_text(text, encoding="utf-8")
        else:
            world.stdout.write(text)

    def _write_matrix(self, items: Sequence[Mapping[str, Any]], world: Process, *, ci: bool) -> None:
        include = [{name: item[name] for name in MATRIX_FIELDS} for item in items]
        text = json.dumps({"include": include}, separators=(",", ":"), ensure_ascii=False)
        target = self.output_file or (world.env.get("GITHUB_OUTPUT", "") if ci else "")
        if target:
            with Path(target).open("a", encoding="utf-8") as out:
                out.write(f"matrix={text}\ncount={len(include)}\n")
        else:
            world.stdout.write(text + "\n")


def _without_nothing(item: Mapping[str, Any]) -> Struct:
    """In YAML, and so for yq, a list or map that was not asked for is empty; in JSON it is null."""
    plain = Struct(item)
    plain["dependents"] = [_without_nothing(each) for each in item["dependents"] or ()]
    plain["settings"] = item["settings"] or {}
    if "affected_all" in item:
        plain["affected_all"] = item["affected_all"] or []
    return plain


def as_uploaded(item: Mapping[str, Any]) -> Struct:
    """An item as it goes over the wire; with `--upload` that is also what is shown (protocol.md §6.1)."""
    from sonde.cli import upload

    return _in_order(upload.affected_json(item))


def _in_order(item: Mapping[str, Any]) -> Struct:
    """The fields as `describe affected` orders them."""
    found = Struct({name: item[name] for name in FIRST} | dict(item))
    found["dependents"] = [_in_order(each) for each in item["dependents"]]
    return found
