"""Flags that every command takes."""

import io
from pathlib import Path

import pytest

from sonde.cli import errors
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
