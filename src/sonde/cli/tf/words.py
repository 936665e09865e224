"""The way back from a call to its words, so that a process of its own can run one instance of several."""

from dataclasses import replace

from sonde.cli.tf.argv import DEPTHS, REPEATED, Call

# What says which instances are meant, and how several of them run: nothing that one of them has to know.
_ABOUT_SEVERAL = frozenset(
    {
        *("all", "affected", "components", "query", "tags", "labels", "include-dependents", "include-dependencies"),
        *("failure-mode", "log-order", "max-concurrency", "execution-summary-file"),
        *("base", "ref", "sha", "repo-path", "ssh-key", "ssh-key-password", "clone-target-ref"),
    }
)
_DONE = frozenset({"chdir"})  # the child starts where we are


def words_of(call: Call) -> list[str]:
    """The words after `sonde terraform` that `argv.parse` reads as this very call.

    >>> words_of(Call(("plan",), "vpc", "dev", switches={"dry-run": False}, passed=("-lock=false",)))
    ['plan', '--component=vpc', '--stack=dev', '--dry-run=false', '--', '-lock=false']
    """
    if call.name == "help":
        return []
    words = list(call.command)
    words += [f"--{name}={value}" for name, value in (("component", call.component), ("stack", call.stack)) if value]
    # The number of steps comes first: it switches its flag on, which may have been switched off again.
    words += [f"--{name}={value}" for name, value in call.values.items()]
    words += [f"--{name}{'' if on else '=false'}" for name, on in call.switches.items() if not (on and name in DEPTHS)]
    words += [f"--{name}" for name in sorted(DEPTHS) if call.switches.get(name) and name not in call.values]
    words += [f"--{name}={item}" for name in sorted(REPEATED) for item in call.lists.get(name, ())]
    return [*words, "--", *call.passed] if call.passed else words


def for_one(call: Call, component: str, stack: str) -> Call:
    """The call of one instance among those that a call selects."""
    without = _ABOUT_SEVERAL | _DONE
    return replace(
        call,
        component=component,
        stack=stack,
        switches={name: on for name, on in call.switches.items() if name not in without},
        values={name: value for name, value in call.values.items() if name not in without},
    )
