"""Flags as the Go CLI's users spell them, put in the words that click reads alike.

A switch may have a value (`--upload=false`), never as the next word; a short flag may have its value behind `=`
(`-s=dev`). Of several spellings of one switch the last counts.
"""

from collections.abc import Sequence

import click

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def plain(command: click.Command, argv: Sequence[str], ctx: click.Context) -> list[str]:
    """The same arguments for click. Raises click.UsageError for a switch whose value is neither true nor false."""
    options = {name: each for each in command.params if isinstance(each, click.Option) for name in each.opts}
    out: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*out, word, *rest]
        name, equals, value = word.partition("=")
        option = options.get(name)
        if option is None or not word.startswith("-"):
            out.append(word)
        elif option.is_flag:
            out = _switch(out, option, name, value if equals else "true", ctx)
        elif equals and not word.startswith("--"):
            out += [option.opts[-1], value]
        elif not equals and isinstance(option.flag_value, str | bool):
            out.append(f"{option.opts[-1]}={_text(option.flag_value)}")
        else:  # by its long name, since click looks for words like a short one before it believes that it is one
            out += [word if equals else option.opts[-1], *rest[: not equals]]
            rest = rest[not equals :]
    return out


def _switch(out: list[str], option: click.Option, name: str, value: str, ctx: click.Context) -> list[str]:
    if value not in TRUE | FALSE:
        raise click.UsageError(
            f'invalid argument "{value}" for "{name}" flag: strconv.ParseBool: parsing "{value}": invalid syntax', ctx
        )
    kept = [word for word in out if word not in option.opts]
    return [*kept, name] if value in TRUE else kept


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
