"""The command line of `sonde terraform`: what is ours, what names the component, and what Terraform gets as it is.

Flags of ours start with two dashes (`-s` and `-h` apart) and are in the tables below. Everything else goes to
Terraform untouched and in order, whether or not a `--` stands before it (stacks.md §12).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sonde.cli.errors import UsageError
from sonde.cli.tf import flags

# Terraform's own commands, and what we add to them
SUBCOMMANDS = (
    *("apply", "clean", "console", "deploy", "destroy", "fmt", "force-unlock", "generate", "get", "graph", "import"),
    *("init", "login", "logout", "metadata", "modules", "output", "plan", "providers", "refresh", "shell", "show"),
    *("state", "taint", "test", "untaint", "validate", "version", "workspace"),
)
# Commands of the past and what they mean today.
FORMERLY = {"varfile": ("generate", "varfile"), "write": ("generate", "varfile")}
# A command of a command: the second word belongs to it, and is not the component.
SECOND_WORDS: Mapping[str, frozenset[str]] = {
    "workspace": frozenset({"list", "show", "new", "select", "delete"}),
    "state": frozenset({"list", "mv", "pull", "push", "replace-provider", "rm", "show"}),
    "providers": frozenset({"lock", "mirror", "schema"}),
    "metadata": frozenset({"functions"}),
    "generate": frozenset({"varfile", "varfiles", "backend", "backends", "files", "planfile"}),
}
SWITCHES = frozenset(
    {
        *("all", "affected", "upload-status", "dry-run", "skip-init", "skip-planfile", "from-plan", "deploy-run-init"),
        *("init-run-reconfigure", "init-pass-vars", "auto-generate-backend-file", "process-templates"),
        *("process-functions", "skip-hooks", "ci", "verify-plan", "force", "everything", "skip-lock-file", "cache"),
        *("flatten", "uppercase", "include-dependents", "include-dependencies", "use-mocks", "help", "clean", "mask"),
        *("clone-target-ref", "with-secrets", "interactive", "force-color", "force-tty", "heatmap", "no-color"),
    }
)
VALUES = frozenset(
    {
        *("stack", "component", "query", "components", "tags", "labels", "planfile", "append-user-agent", "skip"),
        *("format", "output-file", "file", "file-template", "stacks", "failure-mode", "log-order", "max-concurrency"),
        *("base-path", "config", "config-path", "logs-level", "logs-file", "profile", "pager", "redirect-stderr"),
        *("identity", "repo-path", "ref", "sha", "base", "ssh-key", "ssh-key-password", "hide", "chdir"),
        *("execution-summary-file", "settings-list-merge-strategy"),
    }
)
REPEATED = frozenset({"config", "config-path", "profile", "skip"})
LISTS = frozenset({"components", "tags", "stacks", "hide"})  # given again they add to what was given before
DEPTHS = frozenset({"include-dependents", "include-dependencies"})  # switches with an optional number of steps
SHORT: Mapping[str, str] = {"-s": "stack", "-c": "component", "-h": "help", "-q": "query", "-C": "chdir"}
SHORT_OF: Mapping[str, Mapping[str, str]] = {  # short forms that only some commands have
    "output": {"-f": "format", "-o": "output-file", "-u": "uppercase"},
    "generate": {"-f": "file"},
    "clean": {"-f": "force"},
}
# Terraform's flags whose value may be the next word; without this table that word would look like the component.
WITH_VALUE = frozenset(
    {
        *("-var", "-var-file", "-target", "-replace", "-out", "-state", "-state-out", "-backup", "-lock-timeout"),
        *("-parallelism", "-generate-config-out", "-backend-config", "-from-module", "-plugin-dir", "-lockfile"),
        *("-test-directory", "-filter", "-id", "-config", "-platform", "-fs-mirror", "-net-mirror", "-type", "-plan"),
        *("-module-depth", "-test-directory", "-backup-out", "-exclude", "-exclude-file", "-target-file"),
    }
)
LOOKALIKES = frozenset({"-compact-warnings", "-chdir", "-check"})  # Terraform's, though they begin like a short flag
TRUE, FALSE = frozenset({"true", "1", "t"}), frozenset({"false", "0", "f"})


@dataclass(frozen=True)
class Call:
    """`command` is one word or two (`state list`). `switches` holds what was given, also `False`."""

    command: tuple[str, ...]
    component: str = ""
    stack: str = ""
    switches: Mapping[str, bool] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    passed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.command[0]

    def on(self, switch: str, *, default: bool = False) -> bool:
        """Whether a switch is on; the default is what holds if it was not given."""
        return self.switches.get(switch, default)


def parse(words: Sequence[str]) -> Call:
    """Read the words after `sonde terraform`. Raises UsageError for a command that is not there or a value that is missing."""
    if not words:
        raise _usage("sonde terraform requires a subcommand.")
    if words[0] in ("-h", "--help"):
        return Call(("help",))
    command, rest = _command(list(words))
    reader = _Reader(command, rest)
    reader.read()
    component = reader.values.pop("component", "") or (reader.positional.pop(0) if reader.takes_component() else "")
    return Call(
        command=command,
        component=component,
        stack=reader.values.pop("stack", ""),
        switches=reader.switches,
        values=reader.values,
        lists={name: tuple(items) for name, items in reader.lists.items()},
        passed=tuple(word for word in reader.ordered if word is not None),
    )


def with_globals(call: Call, given: Mapping[str, Any]) -> Call:
    """The call with the flags that stood before `terraform`; those behind it win."""
    lists = {name: tuple(value) for name, value in given.items() if name in REPEATED}
    values = {name: str(value) for name, value in given.items() if name not in REPEATED}
    return replace(call, values={**values, **call.values}, lists={**lists, **call.lists})


def with_environment(call: Call, env: Mapping[str, str]) -> Call:
    """The call with the environment's word for each flag of its command that was not given (`flags.from_environment`).

    An empty variable counts as unset.

    Raises UsageError for a switch that is neither true nor false.
    """
    reader = _Reader(call.command, [])
    for name, variable in flags.from_environment(call.command).items():
        text = env.get(variable, "")
        if not text or name in call.switches or name in call.values or name in call.lists:
            continue
        if name in SWITCHES:
            reader.switch(name, text, given=True)
        else:
            reader.value(name, text)
    stack = reader.values.pop("stack", "")
    return replace(
        call,
        stack=call.stack or stack,
        switches={**reader.switches, **call.switches},
        values={**reader.values, **call.values},
        lists={**{name: tuple(items) for name, items in reader.lists.items()}, **call.lists},
    )


def _usage(what: str) -> UsageError:
    names = "\n".join(f"  • {name}" for name in SUBCOMMANDS)
    return UsageError(
        f"{what}\n\nValid subcommands are:\n\n{names}",
        usage="sonde terraform [sub-command] [flags]",
        hints=["Run sonde terraform --help for usage"],
    )


def _command(words: list[str]) -> tuple[tuple[str, ...], list[str]]:
    first = words[0]
    if first in FORMERLY:
        return FORMERLY[first], words[2:] if words[1:2] == ["varfile"] else words[1:]
    if first not in SUBCOMMANDS:
        raise _usage(f"Unknown command {first} for sonde terraform")
    if len(words) > 1 and words[1] in SECOND_WORDS.get(first, ()):
        return (first, words[1]), words[2:]
    return (first,), words[1:]


class _Reader:
    """One pass over the words. `ordered` keeps what goes to Terraform; the component's place in it is emptied."""

    def __init__(self, command: tuple[str, ...], words: list[str]) -> None:
        self.command = command
        self.words = words
        self.switches: dict[str, bool] = {}
        self.values: dict[str, str] = {}
        self.lists: dict[str, list[str]] = {}
        self.ordered: list[str | None] = []
        self.positional: list[str] = []
        self.first_positional: int | None = None

    def takes_component(self) -> bool:
        """The first word that is no flag names the component, unless the component was given by a flag."""
        if not self.positional or self.first_positional is None:
            return False
        self.ordered[self.first_positional] = None
        return True

    def read(self) -> None:
        while self.words:
            word = self.words.pop(0)
            if word == "--":
                self.ordered.extend(self.words)
                return
            if not word.startswith("-") or word == "-":
                self._positional(word)
            elif not self._ours(word):
                self._terraforms(word)

    def _positional(self, word: str) -> None:
        if self.first_positional is None and "component" not in self.values:
            self.first_positional = len(self.ordered)
            self.positional.append(word)
        self.ordered.append(word)

    def _ours(self, word: str) -> bool:
        flag, equals, value = word.partition("=")
        short = {**SHORT, **SHORT_OF.get(self.command[0], {})}
        name = flag[2:] if flag.startswith("--") else short.get(flag, "")
        if not name and word[:2] in short and short[word[:2]] in VALUES and not word.startswith("--"):
            name, equals, value = self._attached(word, short)
        if flag.startswith("--") and flags.is_unknown(self.command, name):
            path = "sonde terraform " + " ".join(self.command)
            raise UsageError(
                f"unknown flag {flag} for command {path}",
                usage=f"{path} [flags]",
                hints=[f"A flag of Terraform's own has one dash, or stands behind two: {path} … -- {word}"],
            )
        if name in SWITCHES:
            self.switch(name, value, given=bool(equals))
        elif name in VALUES:
            if not equals and not self.words:
                raise UsageError(f"flag needs an argument: {flag}")
            self.value(name, value if equals else self.words.pop(0))
        else:
            return False
        return True

    @staticmethod
    def _attached(word: str, short: Mapping[str, str]) -> tuple[str, str, str]:
        """`-sdev`, but not Terraform's `-state`: what follows decides, and Terraform's own flags win."""
        flag = word.partition("=")[0]
        if flag in WITH_VALUE or flag in LOOKALIKES:
            return "", "", ""
        return short[word[:2]], "=", word[2:].removeprefix("=")

    def switch(self, name: str, value: str, *, given: bool) -> None:
        if name in DEPTHS and value.isdecimal() and int(value):
            self.switches[name] = True
            self.values[name] = value
        elif not given or value.lower() in TRUE:
            self.switches[name] = True
        elif value.lower() in FALSE:
            self.switches[name] = False
        elif name == "from-plan":  # the Go CLI takes a path here and does not use it (quirk Q21)
            self.switches[name] = True
        else:
            raise UsageError(f'invalid argument "{value}" for "--{name}" flag: it is true or false')

    def value(self, name: str, value: str) -> None:
        if name in REPEATED:
            self.lists.setdefault(name, []).extend(value.split(",") if name == "skip" else [value])
        elif name in LISTS and self.values.get(name):
            self.values[name] += f",{value}"
        else:
            self.values[name] = value

    def _terraforms(self, word: str) -> None:
        self.ordered.append(word)
        if "=" not in word and f"-{word.lstrip('-')}" in WITH_VALUE and self.words:
            self.ordered.append(self.words.pop(0))
