"""The error boundary of the command line: every failure becomes one text on stderr and one exit code.

    CliError                  anything that ends a command: a message, hints for the next step, an exit code (1)
    ├── UsageError            the command line itself is wrong (`# Incorrect Usage`)
    ├── GitError              the checkout cannot answer: no repository, no usable remote
    ├── ApiError              what stands between us and the server's yes
    │   ├── NoAnswerError     refused, reset, timeout, TLS, truncated: the server may or may not have acted
    │   ├── DecodeError       an answer that is not the JSON the protocol demands
    │   ├── RefusedError      the server answered and said no: HTTP status, error tag, trace id
    │   └── SignInError       no token, no GitHub OIDC, or no workspace
    ├── EndedError            a signal asked us to end
    └── ToolError             terraform or tofu ended with its own exit code, which becomes ours

The stacks engine raises its own family; `run` takes any exception that has a `message` and an `exit_code`, so
that neither side imports the other. The rules are stacks.md §13: stderr is a blank line, `# Error`, a blank line,
`**Error:** text`, then hints `💡 …`; stdout stays empty. Colours only on a terminal and without NO_COLOR.
"""

import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TextIO

import click

from sonde.cli import called


class CliError(Exception):
    """Ends the command. `message` says what and where; `hints` say the next step."""

    exit_code = 1
    heading = "Error"

    def __init__(self, message: str, *, hints: Sequence[str] = (), exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hints = tuple(hints)
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(CliError):
    """A flag, an argument or a sub-command that does not exist or does not fit. `usage` is the synopsis, if known."""

    heading = "Incorrect Usage"

    def __init__(self, message: str, *, usage: str = "", hints: Sequence[str] = ()) -> None:
        super().__init__(message, hints=hints)
        self.usage = usage


class GitError(CliError):
    """The checkout cannot say what the command needs to know."""


class ApiError(CliError):
    """The control plane did not say yes. `prefixed` puts what was attempted in front, keeping type and facts.

    `doubtful` says of a call of several attempts that one of them may have taken effect all the same.
    """

    status: int | None = None
    doubtful = False

    def prefixed(self, what: str) -> "ApiError":
        self.message = f"{what}{self.message}"
        self.args = (self.message,)
        return self


class NoAnswerError(ApiError):
    """No complete answer. `sent` is False where the request never left: then the server did not act."""

    sent = True


class DecodeError(ApiError):
    """An answer that does not decode."""


class RefusedError(ApiError):
    """The server's no. `context` holds the facts that it sent along, such as who holds a lock."""

    context: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self, message: str, *, status: int, tag: str = "", trace_id: str = "", hints: Sequence[str] = ()
    ) -> None:
        super().__init__(message, hints=hints)
        self.status: int = status
        self.tag = tag
        self.trace_id = trace_id


class SignInError(ApiError):
    """There is no session and none can be had."""


class EndedError(CliError):
    """A signal asked us to end; what was held is given back on the way out."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(f"ended by {name}", exit_code=128 + number)


class ToolError(CliError):
    """The tool we ran has already said why on the terminal; its exit code becomes ours."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"subcommand exited with code {exit_code}", exit_code=exit_code)


def run(command: click.Command, argv: Sequence[str], *, prog: str, env: Mapping[str, str], stderr: TextIO) -> int:
    """Run a click command and return the process's exit code; an error is written to `stderr` as stacks.md §13 shows.

    `--no-color` anywhere among the arguments means the same as NO_COLOR. A command returns None or an exit code. Bugs are not caught: their traceback is what a report needs.
    """
    env = {**env, "NO_COLOR": "1"} if "--no-color" in argv else env
    try:
        result = command.main(args=list(argv), prog_name=prog, standalone_mode=False)
    except click.Abort:
        stderr.write("\n")
        return 130
    except click.exceptions.NoArgsIsHelpError as error:
        return _report(_no_arguments(error), env, stderr, prog) if error.ctx and error.ctx.parent else _help(error)
    except click.ClickException as error:
        plain = CliError(error.format_message(), exit_code=error.exit_code)
        return _report(_usage(error) if isinstance(error, click.UsageError) else plain, env, stderr, prog)
    except OSError as error:  # a full disk, a folder that may not be written: nothing of ours is wrong
        where = f"{error.filename}: " if error.filename else "the output cannot be written: "
        return _report(CliError(f"{where}{error.strerror or error}"), env, stderr, prog)
    except Exception as error:
        if not (hasattr(error, "message") and hasattr(error, "exit_code")):
            raise
        return _report(error, env, stderr, prog)
    return result if isinstance(result, int) else 0


def render(error: Exception, *, colour: bool, program: str = called.OURS) -> str:
    """The text of an error, in the shape of stacks.md §13; its next steps name the program as it was called."""
    heading = getattr(error, "heading", "Error")
    title, label = f"# {heading}", "**Error:**"
    if colour:
        title, label = click.style(title, bold=True), click.style(label, fg="red", bold=True)
    message = getattr(error, "message", str(error))
    if isinstance(error, UsageError):  # any other may quote the control plane, or the tool
        message = called.by(program, message)
    parts = [f"\n{title}\n\n{label} {message}\n"]
    usage = getattr(error, "usage", "")
    if usage:
        parts.append(called.by(program, f"\n## Usage\n\n {usage}\n"))
    parts.extend(called.by(program, f"\n💡 {hint}\n") for hint in getattr(error, "hints", ()))
    return "".join(parts)


def wants_colour(env: Mapping[str, str], stream: TextIO) -> bool:
    """Colours on a terminal, unless NO_COLOR is set to anything (no-color.org)."""
    return not env.get("NO_COLOR") and env.get("TERM") != "dumb" and stream.isatty()


def _report(error: Exception, env: Mapping[str, str], stderr: TextIO, program: str) -> int:
    sys.stdout.flush()
    stderr.write(render(error, colour=wants_colour(env, stderr), program=program))
    stderr.flush()
    return int(getattr(error, "exit_code", 1))


def _help(error: click.exceptions.NoArgsIsHelpError) -> int:
    """The program alone shows its help."""
    click.echo(error.format_message())
    return 0


def _no_arguments(error: click.exceptions.NoArgsIsHelpError) -> Exception:
    """A group alone is incomplete."""
    ctx = error.ctx
    if ctx is None:
        return error
    names = "\n".join(f"  • {name}" for name in _subcommands(ctx))
    return UsageError(
        f"{ctx.command_path} requires a subcommand.\n\nValid subcommands are:\n\n{names}",
        usage=f"{ctx.command_path} [sub-command] [flags]",
        hints=[f"Run {ctx.command_path} --help for usage"],
    )


def _subcommands(ctx: click.Context) -> list[str]:
    return ctx.command.list_commands(ctx) if isinstance(ctx.command, click.Group) else []


def _usage(error: click.UsageError) -> UsageError:
    """A click usage error in the words of the command we are compatible with."""
    if error.ctx is None:
        return UsageError(error.format_message())
    path = error.ctx.command_path
    usage = " ".join([path, *error.ctx.command.collect_usage_pieces(error.ctx)])
    if isinstance(error, click.NoSuchOption):
        text = f"unknown flag {error.option_name} for command {path}"
    elif isinstance(error, click.BadOptionUsage):
        text = f"{error.format_message()} for command {path}"
    else:
        text = error.format_message()
    return UsageError(text, usage=usage, hints=[f"Run {path} --help for usage"])
