"""The YAML functions of atmos.yaml: `!env !exec !include !repo-root !cwd !random !append` (stacks.md §1)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sonde.stacks.cache import watching
from sonde.stacks.errors import StacksError
from sonde.stacks.goyaml import Tagged, YamlError, load


class Context(NamedTuple):
    """What a function may look at: the file's folder, the command's folder, the environment and the checkout's root."""

    folder: Path
    cwd: Path
    env: Mapping[str, str]
    git_root: Path | None


def evaluate(value: Any, context: Context) -> Any:
    """Replace every tagged node by its result; a function of stacks only stays the string it is."""
    if isinstance(value, dict):
        done = {key: evaluate(item, context) for key, item in value.items()}
        return {**done, **_elements(value, done)}
    if isinstance(value, list):
        return [evaluate(item, context) for item in value]
    if not isinstance(value, Tagged):
        return value
    if isinstance(value.value, list):
        return Tagged(value.tag, evaluate(value.value, context))
    function = FUNCTIONS.get(value.tag)
    return function(value.value, context) if function else value.text


def _elements(written: dict[str, Any], done: dict[str, Any]) -> dict[str, Any]:
    """The elements of a list with functions, each under `list[index]` too: the original sets them one by one (stacks.md §1)."""
    return {
        f"{key}[{index}]": done[key][index]
        for key, items in written.items()
        if isinstance(items, list) and any(isinstance(item, Tagged) for item in items)
        for index, item in enumerate(items)
        if not isinstance(item, dict)
    }


def _words(text: str) -> list[str]:
    import shlex

    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _env(text: str, context: Context) -> str:
    words = _words(text)
    if not words:
        raise StacksError("invalid Atmos YAML function !env", hints=["Write `!env NAME` or `!env NAME default`."])
    return context.env.get(words[0], " ".join(words[1:]))


def _exec(text: str, context: Context) -> Any:
    import json
    import subprocess

    if not text:
        raise StacksError("invalid Atmos YAML function !exec", hints=["Write `!exec command`."])
    done = subprocess.run(
        ["sh", "-c", text],
        cwd=context.cwd,
        env=dict(context.env),
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise StacksError(f"subcommand exited with code {done.returncode}: {text}", exit_code=done.returncode)
    output = done.stdout.rstrip("\n")
    try:
        return json.loads(output)
    except ValueError:
        return output


def _include(text: str, context: Context) -> Any:
    words = _words(text)
    path = next((base / words[0] for base in (context.folder, context.cwd) if (base / words[0]).is_file()), None)
    if path is None:
        raise StacksError(
            f"failed to find file: {words[0]}", hints=[f"!include looked below {context.folder} and {context.cwd}."]
        )
    data = path.read_bytes()
    if path.suffix not in (".yaml", ".yml", ".json"):
        return data.decode(errors="replace")
    try:
        return evaluate(load(data, name=str(path)).value, context)
    except YamlError as error:
        raise StacksError(f"failed to read {path}: {error.message}") from error


def _include_raw(text: str, context: Context) -> Any:
    return _include(text, context) if text.endswith(".txt") else (context.folder / text).read_text(errors="replace")


def _repo_root(text: str, context: Context) -> str:
    return str(context.git_root) if context.git_root else (text or ".")


def _cwd(text: str, context: Context) -> str:
    return str((context.cwd / text).resolve()) if text else str(context.cwd)


def _random(text: str, context: Context) -> int:
    import secrets

    del context
    bounds = text.split()
    try:
        low, high = (int(bounds[0]), int(bounds[1])) if len(bounds) == 2 else (0, int(bounds[0]) if bounds else 65535)
    except ValueError:
        raise StacksError(
            f"invalid arguments of !random: {text}", hints=["Write `!random`, `!random max` or `!random min max`."]
        ) from None
    if low > high:
        raise StacksError(f"invalid arguments of !random: {low} is above {high}")
    return watching.unrepeatable("chance", low + secrets.randbelow(high - low + 1))


FUNCTIONS: Mapping[str, Callable[[str, Context], Any]] = {
    "!env": _env,
    "!exec": _exec,
    "!include": _include,
    "!include.raw": _include_raw,
    "!repo-root": _repo_root,
    "!git.root": _repo_root,
    "!cwd": _cwd,
    "!random": _random,
}
