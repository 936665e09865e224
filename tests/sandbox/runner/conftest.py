"""A real bare repository, and a way to run a workflow text against it."""

import os
import subprocess
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sonde.sandbox.runner.execute import execute
from sonde.sandbox.runner.model import JobCompleted, RunCompleted, RunRequest, RunStarted, StepCompleted

GIT_ENV = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    **{
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "T"), ("EMAIL", "t@t"))
    },
}


def git(folder, *arguments):
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, env=GIT_ENV, check=True, capture_output=True, text=True).stdout.strip()


@dataclass(frozen=True)
class Repository:
    """main: one, two, three; feature: from `two`; refs/pull/7/merge; tag v1 on `one`."""

    bare: Path
    shas: dict[str, str]


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    root = tmp_path_factory.mktemp("repository")
    work, bare = root / "work", root / "infra.git"
    git(root, "init", "-q", "-b", "main", str(work))
    shas = {}
    for branch, name in (("main", "one"), ("main", "two"), ("feature", "change"), ("main", "three")):
        if branch == "feature":
            git(work, "switch", "-q", "-c", "feature")
        elif name == "three":
            git(work, "switch", "-q", "main")
        (work / "file").write_text(name)
        (work / name).write_text(name)
        git(work, "add", "-A")
        git(work, "commit", "-q", "-m", name)
        shas[name] = git(work, "rev-parse", "HEAD")
    git(work, "tag", "v1", shas["one"])
    tree = git(work, "rev-parse", "feature^{tree}")
    shas["merge"] = git(work, "commit-tree", tree, "-p", "main", "-p", "feature", "-m", "merge")
    git(work, "update-ref", "refs/pull/7/merge", shas["merge"])
    git(root, "clone", "-q", "--mirror", str(work), str(bare))
    return Repository(bare, shas)


@dataclass
class Told:
    """The events of one run, and shorthands to look at them."""

    events: list = field(default_factory=list)

    @property
    def steps(self):
        return [event for event in self.events if isinstance(event, StepCompleted)]

    @property
    def jobs(self):
        return {event.job.name: event for event in self.events if isinstance(event, JobCompleted)}

    @property
    def log(self):
        return "".join(step.log for step in self.steps)

    @property
    def started(self):
        return next(event for event in self.events if isinstance(event, RunStarted))

    @property
    def completed(self):
        return next(event for event in self.events if isinstance(event, RunCompleted))


@pytest.fixture
def run(repository, tmp_path):
    """run(workflow text, **fields of RunRequest) -> Told. `on: push` is put before a text that has no `on`."""

    def run(text, *, cancel=None, watch=lambda _event: None, **fields):
        text = textwrap.dedent(text).lstrip()
        given = {
            "repository": "acme/infra",
            "repository_id": 11,
            "repository_owner_id": 22,
            "bare_repository": repository.bare,
            "workflow_path": ".github/workflows/w.yaml",
            "workflow_text": text if text.startswith("on:") else f"on: push\n{text}",
            "event_name": "push",
            "payload": {},
            "ref": "refs/heads/main",
            "sha": repository.shas["three"],
            "actor": "octocat",
            "run_id": 1001,
            "run_number": 5,
            "work": tmp_path / "work",
            "path": os.environ["PATH"],
            **fields,
        }
        told = Told()

        def report(event):
            told.events.append(event)
            watch(event)

        execute(RunRequest(**given), report, cancel)
        return told

    return run
