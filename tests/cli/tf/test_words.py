"""The way from a call back to its words."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sonde.cli.errors import UsageError
from sonde.cli.tf import argv, flags
from sonde.cli.tf.argv import Call, parse, with_environment, with_globals
from sonde.cli.tf.words import for_one, words_of

COMMANDS = [(name,) for name in argv.SUBCOMMANDS]
COMMANDS += [(name, second) for name, seconds in argv.SECOND_WORDS.items() for second in sorted(seconds)]
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
components = texts | st.sampled_from(["vpc", "list", "show", "-x", "--", "a=b", "--all"])
known = {
    command: sorted(
        (argv.SWITCHES | argv.VALUES)
        - {name for name in argv.SWITCHES | argv.VALUES if flags.is_unknown(command, name)}
    )
    for command in COMMANDS
}


@st.composite
def word_lists(draw):
    """A command line: a command, flags of ours that it knows in any order, positional words, and some of Terraform's."""
    command = draw(st.sampled_from(COMMANDS))
    words = list(command)
    for _ in range(draw(st.integers(0, 6))):
        name = draw(st.sampled_from(known[command]))
        switch = st.sampled_from([f"--{name}", f"--{name}=false", f"--{name}=true", f"--{name}=1"])
        flag = switch if name in argv.SWITCHES else texts.map(f"--{name}={{}}".format)
        words.append(draw(flag | components))
    return words


@given(word_lists())
def test_the_words_of_what_was_read_mean_the_same(words):
    try:
        call = parse(words)
    except UsageError:
        assume(False)
    assert parse(words_of(call)) == call


@given(
    st.sampled_from(COMMANDS).flatmap(
        lambda command: st.builds(
            Call,
            st.just(command),
            components,
            texts,
            st.dictionaries(st.sampled_from([name for name in known[command] if name in argv.SWITCHES]), st.booleans()),
            st.dictionaries(
                st.sampled_from(
                    [name for name in known[command] if name in argv.VALUES - argv.REPEATED - {"component", "stack"}]
                ),
                texts,
            ),
            st.dictionaries(
                st.sampled_from(["config", "config-path", "profile"]), st.lists(texts, min_size=1).map(tuple)
            ),
            st.lists(components).map(tuple),
        )
    )
)
def test_every_call_can_be_written_down(call):
    assert parse(words_of(call)) == call


def test_one_of_several_is_called_by_its_name_with_everything_that_is_not_about_the_others():
    line = "plan --all -s dev --dry-run --max-concurrency 4 --include-dependents=2 --base main --skip env -lock=false"
    call = with_globals(parse(line.split()), {"base-path": "infra", "profile": ("ci",)})
    assert words_of(for_one(call, "app/web", "prod")) == [
        *("plan", "--component=app/web", "--stack=prod", "--base-path=infra", "--dry-run"),
        *("--profile=ci", "--skip=env", "--", "-lock=false"),
    ]


@pytest.mark.parametrize(
    ("line", "env", "values"),
    [
        ("plan", {"ATMOS_TERRAFORM_PLAN_MAX_CONCURRENCY": "3"}, {"max-concurrency": "3"}),
        ("deploy", {"ATMOS_TERRAFORM_PLAN_MAX_CONCURRENCY": "3"}, {}),
        ("plan", {"ATMOS_MAX_CONCURRENCY": "3", "ATMOS_FAILURE_MODE": "keep-going"}, {}),
        ("plan --max-concurrency 2", {"ATMOS_TERRAFORM_PLAN_MAX_CONCURRENCY": "3"}, {"max-concurrency": "2"}),
    ],
)
def test_how_several_run_is_set_by_a_variable_of_the_command(line, env, values):
    assert with_environment(parse(line.split()), env).values == values
