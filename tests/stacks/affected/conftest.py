"""A real git repository for a test: commits from files, and the tree of one of them."""

import os
import subprocess
from pathlib import Path

import pytest

from sonde.stacks.affected.gittree import GitTree
from sonde.stacks.affected.repository import open_repository
from sonde.stacks.tree import WorkingTree

GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")


class Repo:
    """A checkout in a folder of its own. `commit` writes files (None deletes one) and returns the new commit's id."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.root.mkdir()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(root.parent), "GIT_CONFIG_NOSYSTEM": "1"}
        self.git("init", "-q")

    def git(self, *command: str) -> str:
        done = subprocess.run([*GIT, *command], cwd=self.root, env=self.env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, files: dict[str, str | None]) -> None:
        for name, text in files.items():
            path = self.root / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def commit(self, files: dict[str, str | None]) -> str:
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a commit")
        return self.git("rev-parse", "HEAD")

    def open(self):
        return open_repository(str(self.root), self.env)

    def tree(self, commit: str) -> GitTree:
        repository = self.open()
        return GitTree(repository, commit, WorkingTree(self.root), repository.changed(commit))


@pytest.fixture
def repo(tmp_path):
    return Repo(tmp_path / "infra")
