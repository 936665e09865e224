"""Flags that every command takes."""

import io
from pathlib import Path

import click
import pytest

from sonde.cli import errors, spelling
from sonde.main import cli


@pytest.fixture
def run(checkout, monkeypatch, capsys):
    monkeypatch.delenv("ATMOS_CHDIR", raising=False)
    monkeypatch.chdir(checkout.parent)

    def call(*argv):
        stream = io.StringIO()
        code = errors.run(cli, argv, prog="sonde", env={}, stderr=stream)
        return code, capsys.readouterr().out + stream.getvalue()

    return call


def test_a_call_without_chdir_leaves_the_folder_alone(run, checkout, monkeypatch):
    assert run("pro", "config", "--chdir", checkout.name)[0] == 0
    assert Path.cwd() == checkout
    monkeypatch.chdir(checkout.parent)
    run("pro", "config")
    assert Path.cwd() == checkout.parent, "a program that calls us must not find itself elsewhere"


def test_a_flag_beats_the_environment_and_both_are_seen_from_the_start(run, checkout, monkeypatch):
    monkeypatch.setenv("ATMOS_CHDIR", f"{checkout.name}/stacks")
    assert run("pro", "config", "-C", checkout.name)[0] == 0
    assert Path.cwd() == checkout
    monkeypatch.chdir(checkout.parent)
    code, text = run("terraform", "plan", "nope", "-s", "dev", "-C", checkout.name)
    assert code == 1
    assert "nope" in text
    assert Path.cwd() == checkout


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["--on", "word"], ["--on", "word"]),
        (["--on=true"], ["--on"]),
        (["--on", "--on=false"], []),
        (["--maybe", "word"], ["--maybe=true", "word"]),
        (["--maybe=false"], ["--maybe=false"]),
        (["-s=dev"], ["--stack", "dev"]),
        (["-s", "--on=false"], ["--stack", "--on=false"]),
        (["--stack", "--on=false", "--on"], ["--stack", "--on=false", "--on"]),
        (["--", "--on=true"], ["--", "--on=true"]),
    ],
)
def test_switches_and_short_flags_take_values_behind_an_equals_sign(written, read):
    command = click.Command(
        "x",
        params=[
            click.Option(["--on"], is_flag=True),
            click.Option(["--maybe"], type=bool, is_flag=False, flag_value=True),
            click.Option(["-s", "--stack"]),
        ],
    )
    assert spelling.plain(command, written, click.Context(command)) == read


def test_a_switch_that_is_neither_true_nor_false_is_refused(run):
    code, text = run("describe", "stacks", "--include-empty-stacks=perhaps")
    assert code == 1
    assert 'invalid argument "perhaps" for "--include-empty-stacks" flag' in text
