"""YAML functions: strings that begin with a tag and stand for a value (stacks.md §7)."""

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.stacks import deferred, marks
from sonde.stacks.deferred import Contest
from sonde.stacks.errors import StacksError
from sonde.stacks.inherit import level_strategy
from sonde.stacks.merge import Section

if TYPE_CHECKING:
    from sonde.stacks.engine import Engine
    from sonde.stacks.rendering import Environment

COMPUTED = "(computed)"
MASKED = "<MASKED>"
_UNSET = object()


class NotProvisionedError(StacksError):
    """The value does not exist yet. In the error modes `warn` and `silent` it becomes `(computed)`."""


@dataclass(frozen=True)
class Host:
    """The process around the engine."""

    env: Mapping[str, str]
    cwd: str
    # One moment for a whole run: two sides of a comparison differ by what was changed, not by when they were read.
    now: datetime = field(default_factory=lambda: datetime.now(UTC).astimezone())


@dataclass(frozen=True)
class Caller:
    """The component whose value is worked out."""

    engine: "Engine"
    stack: str
    sections: Section
    skip: tuple[str, ...]
    lenient: bool = False
    track: str = ""


def process(value: Any, caller: Caller) -> Any:
    """The value with its functions replaced by their results; `!unset` entries are gone. The input is left alone."""
    kind = type(value)
    if kind is str:
        return _process_text(value, caller) if value[:1] == "!" else value
    if (kind is not dict and kind is not list) or marks.free_of(value, marks.FUNCTION):
        return value
    if kind is list:
        items = [item for each in value if (item := process(each, caller)) is not _UNSET]
        same = len(items) == len(value) and all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    return _process_map(value, caller)


def _process_map(value: Section, caller: Caller) -> Section:
    result = value
    for key, item in value.items():
        done = process(item, caller)
        if done is not item:
            if result is value:
                result = dict(value)
            if done is _UNSET:
                del result[key]
            else:
                result[key] = done
    return result


def _process_text(text: str, caller: Caller) -> Any:
    try:
        return evaluate(text, caller)
    except NotProvisionedError as error:
        if not caller.lenient:
            raise
        caller.engine.warnings.append(error.message)
        return COMPUTED


def settle_contests(
    sections: Section, contests: Mapping[str, tuple[Contest, ...]], caller: Caller, env: "Environment"
) -> Section:
    """Places where functions met other values: evaluate, then merge by the type of the results (stacks.md §7)."""
    for name, places in contests.items():
        section = sections.get(name)
        if not isinstance(section, dict):
            continue
        strategy = level_strategy(caller.engine.project.list_merge_strategy, sections.get("settings"))
        for place in places:
            values = tuple(
                _contested(value, caller, env) if is_function else value
                for value, is_function in zip(place.values, place.functions, strict=True)
            )
            section = deferred.with_value(section, place.path, deferred.settle(values, strategy))
        sections = sections | {name: section}
    return sections


def _contested(text: str, caller: Caller, env: "Environment") -> Any:
    if "{{" in text:
        text = env.render_text(text, caller.sections, name="deferred-yaml-function-value")
    return process(text, caller)


def evaluate(text: str, caller: Caller) -> Any:
    """What one string stands for; itself when it is no function, or one that is skipped."""
    for tag, exact, function in TABLE:
        rest = text[len(tag) :]
        if not text.startswith(tag) or (
            rest if exact else rest[:1].isalnum() or (rest[:1] in (".", "-", "_") and rest)
        ):
            continue
        return text if tag[1:] in caller.skip else function(rest.strip(), text, caller)
    return text


# ---------------------------------------------------------------------- the functions


def _required(argument: str, text: str) -> str:
    if not argument:
        raise StacksError(f"invalid Atmos YAML function: {text}")
    return argument


def _template(argument: str, text: str, caller: Caller) -> Any:
    """The template has been rendered in the component stage; JSON is decoded, other text stays."""
    del text, caller
    try:
        return json.loads(argument)
    except ValueError:
        return argument


def _exec(argument: str, text: str, caller: Caller) -> Any:
    """A shell runs the command, since that is what the function promises. JSON output is decoded."""
    command, host = _required(argument, text), caller.engine.host
    done = subprocess.run(  # noqa: S602 - the manifest's author asks for a shell
        command, shell=True, cwd=host.cwd, env=dict(host.env), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise StacksError(f"subcommand exited with code {done.returncode}", exit_code=done.returncode)
    output = done.stdout.rstrip("\n")
    try:
        return json.loads(output)
    except ValueError:
        return output


def words(argument: str) -> list[str]:
    """Words separated by spaces; single or double quotes keep spaces inside."""
    found: list[str] = []
    current, quote, open_word = "", "", False
    for char in argument:
        if quote:
            current, quote = (current, "") if char == quote else (current + char, quote)
        elif char in "'\"":
            quote, open_word = char, True
        elif char.isspace():
            if current or open_word:
                found.append(current)
            current, open_word = "", False
        else:
            current += char
    return [*found, current] if current or open_word else found


def _env(argument: str, text: str, caller: Caller) -> Any:
    parts = words(_required(argument, text))
    if len(parts) > 2:
        raise StacksError(f"invalid Atmos YAML function: invalid number of arguments: {text}")
    section = caller.sections.get("env")
    if isinstance(section, dict) and parts[0] in section:
        value = section[parts[0]]
        return value if isinstance(value, str) else _go_text(value)
    value = caller.engine.host.env.get(parts[0])
    if value is not None:
        return value
    return parts[1] if len(parts) > 1 else ""


def _go_text(value: Any) -> str:
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unset(argument: str, text: str, caller: Caller) -> Any:
    del argument, text, caller
    return _UNSET


def _metadata(caller: Caller, name: str, kind: type) -> Any:
    metadata = caller.sections.get("metadata")
    value = metadata.get(name) if isinstance(metadata, dict) else None
    return value if isinstance(value, kind) else kind()


def _tags(argument: str, text: str, caller: Caller) -> Any:
    del argument, text
    return [each for each in _metadata(caller, "tags", list) if isinstance(each, str)]


def _labels(argument: str, text: str, caller: Caller) -> Any:
    del argument, text
    return {key: value for key, value in _metadata(caller, "labels", dict).items() if isinstance(value, str)}


def _label_keys(argument: str, text: str, caller: Caller) -> Any:
    return sorted(_labels(argument, text, caller))


def _label_values(argument: str, text: str, caller: Caller) -> Any:
    labels = _labels(argument, text, caller)
    return [labels[key] for key in sorted(labels)]


def _secret(argument: str, text: str, caller: Caller) -> Any:
    del argument, text, caller
    return MASKED  # a description never shows a secret


def _store(argument: str, text: str, caller: Caller) -> Any:
    del caller
    parts = words(_required(argument, text).partition("|")[0])
    if len(parts) not in (2, 3, 4):
        raise StacksError(f"invalid Atmos YAML function: {text}: store function requires 3 or 4 parameters")
    raise StacksError(
        f"failed to execute YAML function {text}. Store {parts[0]} not found",
        hints=[
            "Stores are not read by this command; resolve the value with !env or !exec, or skip the function with --skip."
        ],
    )


def _terraform(argument: str, text: str, caller: Caller) -> Any:
    from sonde.stacks import terraform_values

    return terraform_values.value(_required(argument, text), text, caller)


def _version(argument: str, text: str, caller: Caller) -> Any:
    from sonde.stacks import versions

    return versions.version(caller.engine, caller.track or versions.DEFAULT_TRACK, _required(argument, text))


def _git(field_name: str) -> Callable[[str, str, Caller], Any]:
    def function(argument: str, text: str, caller: Caller) -> Any:
        from sonde.stacks import git_values

        del text
        return git_values.value(field_name, argument, Path(caller.engine.host.cwd))

    return function


# tag, whether it stands alone, function. Longer tags come before those they begin with.
TABLE: tuple[tuple[str, bool, Callable[[str, str, Caller], Any]], ...] = (
    ("!terraform.output", False, _terraform),
    ("!terraform.state", False, _terraform),
    ("!unset", False, _unset),
    ("!template", False, _template),
    ("!exec", False, _exec),
    ("!secret", False, _secret),
    ("!store.get", False, _store),
    ("!store", False, _store),
    ("!env", False, _env),
    ("!repo-root", False, _git("root")),
    ("!git.root", False, _git("root")),
    ("!git.sha", False, _git("sha")),
    ("!git.ref", False, _git("sha")),
    ("!git.branch", False, _git("branch")),
    ("!git.repository", False, _git("repository")),
    ("!git.owner", False, _git("owner")),
    ("!git.name", False, _git("name")),
    ("!git.host", False, _git("host")),
    ("!git.url", False, _git("url")),
    ("!version", False, _version),
    ("!tags", True, _tags),
    ("!labels.keys", True, _label_keys),
    ("!labels.values", True, _label_values),
    ("!labels", True, _labels),
)
