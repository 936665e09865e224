"""What `--help` shows: examples that work as they stand, and what the exit codes mean."""

import io
import shlex

import click
import pytest

from sonde.cli import describe, errors, listing, pro, validate
from sonde.main import cli

GROUPS = {"pro": pro, "describe": describe, "list": listing, "validate": validate}
COMMANDS = ["version", *(f"{group} {name}" for group, module in GROUPS.items() for name in module.COMMANDS)]


def found(words):
    """The command that words call, and what is left for it."""
    command, ctx = cli, click.Context(cli)
    while isinstance(command, click.Group):
        command, words = command.get_command(ctx, words[0]), words[1:]
    return command, words


def examples(command):
    lines = (command.epilog or "").splitlines()
    return [line.partition("|")[0].strip() for line in lines if "sonde " in line]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_a_call_that_its_command_understands(name):
    command, _ = found(name.split())
    lines = examples(command)
    assert lines
    assert "Exit codes: 0 " in command.epilog or name == "pro with-lock"
    for line in lines:
        words = shlex.split(line[line.index("sonde ") :], comments=True)[1:]
        called, rest = found(words)
        assert called is command, line
        assert called.make_context(name, list(rest)).params, line


def test_a_groups_examples_are_calls_too():
    for line in examples(pro.group):
        command, rest = found(shlex.split(line, comments=True)[1:])
        command.make_context("x", list(rest))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("argv", "env", "coloured"),
    [
        (["pro", "nothing"], {}, True),
        (["pro", "nothing"], {"NO_COLOR": "1"}, False),
        (["pro", "nothing"], {"TERM": "dumb"}, False),
        (["--no-color", "pro", "nothing"], {}, False),
        (["pro", "lock", "--bogus", "--no-color"], {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(argv, env, coloured):
    err = Terminal()
    assert errors.run(cli, argv, prog="sonde", env=env, stderr=err) == 1
    assert ("\033[" in err.getvalue()) is coloured
