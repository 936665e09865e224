"""A commit read as a tree of files, without a checkout."""

import os
import subprocess

import pytest

from sonde.stacks import globs
from sonde.stacks.affected.changes import Changes
from sonde.stacks.affected.repository import open_repository
from sonde.stacks.errors import StacksError


def test_the_tree_of_a_commit_holds_what_was_committed_and_not_what_lies_there_now(repo):
    base = repo.commit({"a/one.yaml": "old", "a/gone.yaml": "gone", "b.yaml": "b"})
    repo.write({"a/one.yaml": "new", "a/gone.yaml": None, "a/new.yaml": "new"})
    tree, root = repo.tree(base), str(repo.root)
    assert tree.entries(root) == [("a", True), ("b.yaml", False)]
    assert tree.entries(f"{root}/a") == [("gone.yaml", False), ("one.yaml", False)]
    assert tree.read_bytes(f"{root}/a/one.yaml") == b"old"
    assert tree.read_bytes(f"{root}/a/gone.yaml") == b"gone"
    assert tree.exists(f"{root}/a")
    assert not tree.exists(f"{root}/a/new.yaml")
    with pytest.raises(FileNotFoundError):
        tree.read_bytes(f"{root}/a/new.yaml")
    with pytest.raises(IsADirectoryError):
        tree.read_bytes(f"{root}/a")
    tree.close()


def test_files_that_did_not_change_are_read_without_git(repo, monkeypatch):
    base = repo.commit({"a.yaml": "same", "b.yaml": "old"})
    repo.write({"b.yaml": "new"})
    tree = repo.tree(base)
    seen = []
    read = tree.objects.read
    monkeypatch.setattr(tree.objects, "read", lambda name: seen.append(name) or read(name))
    assert tree.read_bytes(f"{repo.root}/a.yaml") == b"same"
    assert seen == [f"{base}^{{tree}}"]
    tree.close()


def test_symbolic_links_are_followed_inside_the_commit(repo):
    repo.write({"real/deep/x.yaml": "x"})
    (repo.root / "link").symlink_to("real")
    (repo.root / "file.yaml").symlink_to("link/deep/x.yaml")
    (repo.root / "nowhere").symlink_to("missing")
    base = repo.commit({})
    for name in ("link", "file.yaml", "nowhere"):
        (repo.root / name).unlink()
    tree, root = repo.tree(base), str(repo.root)
    assert tree.read_bytes(f"{root}/file.yaml") == b"x"
    assert tree.read_bytes(f"{root}/link/deep/x.yaml") == b"x"
    assert ("link", True) in tree.entries(root)
    assert tree.entries(f"{root}/link") == [("deep", True)]
    assert not tree.exists(f"{root}/nowhere")
    tree.close()


def test_links_in_a_circle_lead_nowhere(repo):
    (repo.root / "a").symlink_to("b")
    (repo.root / "b").symlink_to("a")
    tree = repo.tree(repo.commit({}))
    assert not tree.exists(f"{repo.root}/a")
    tree.close()


def test_names_of_any_kind_survive(repo):
    names = {"sp ace/ü.yaml": "1", "quote'\"/new\nline.yaml": "2"}
    tree = repo.tree(repo.commit(names))
    assert sorted(globs.glob(tree, f"{repo.root}/**/*.yaml")) == sorted(f"{repo.root}/{name}" for name in names)
    tree.close()


def test_paths_outside_of_the_repository_are_the_file_systems_own(repo, tmp_path):
    base = repo.commit({"a": "a"})
    (tmp_path / "outside.yaml").write_text("here")
    tree = repo.tree(base)
    assert tree.read_bytes(str(tmp_path / "outside.yaml")) == b"here"
    assert not tree.exists(f"{repo.root}-suffix")
    tree.close()


def test_a_file_that_a_filter_encrypts_is_read_in_clear(repo):
    repo.git("config", "filter.rot.clean", "tr a-z n-za-m")
    repo.git("config", "filter.rot.smudge", "tr a-z n-za-m")
    base = repo.commit({".gitattributes": "*.yaml filter=rot\n", "a.yaml": "hello"})
    assert repo.git("cat-file", "-p", f"{base}:a.yaml") == "uryyb"
    repo.write({"a.yaml": "other"})
    tree = repo.tree(base)
    assert tree.read_bytes(f"{repo.root}/a.yaml") == b"hello"
    tree.close()


def test_what_a_sparse_checkout_leaves_out_is_read_from_its_object(repo):
    base = repo.commit({"in/a.yaml": "a", "out/b.yaml": "b"})
    repo.git("sparse-checkout", "set", "in")
    assert not (repo.root / "out").exists()
    tree = repo.tree(base)
    assert tree.read_bytes(f"{repo.root}/out/b.yaml") == b"b"
    tree.close()


def test_repositories_with_long_ids_are_read(tmp_path, repo):
    repo.git("init", "-q", "--object-format=sha256", str(tmp_path / "long"))
    repo.root = tmp_path / "long"
    tree = repo.tree(repo.commit({"a/b.yaml": "b"}))
    assert tree.read_bytes(f"{repo.root}/a/b.yaml") == b"b"
    tree.close()


def test_a_missing_object_says_that_the_clone_may_be_shallow(repo):
    base = repo.commit({"a.yaml": "old"})
    oid = repo.git("rev-parse", f"{base}:a.yaml")
    repo.commit({"a.yaml": "new"})
    (repo.root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    tree = repo.tree(base)
    with pytest.raises(StacksError) as error:
        tree.read_bytes(f"{repo.root}/a.yaml")
    assert oid in error.value.message
    assert "fetch-depth: 0" in error.value.hints[0]
    tree.close()


def test_nothing_is_checked_out_and_no_process_is_left(repo):
    base = repo.commit({"a.yaml": "old"})
    repo.write({"a.yaml": "new"})
    before = repo.git("status", "--porcelain"), repo.git("worktree", "list")
    tree = repo.tree(base)
    tree.read_bytes(f"{repo.root}/a.yaml")
    process = tree.objects._process
    tree.close()
    tree.close()
    assert isinstance(process, subprocess.Popen)
    assert process.returncode == 0
    assert (repo.git("status", "--porcelain"), repo.git("worktree", "list")) == before


def test_git_says_itself_why_it_finds_no_repository(tmp_path):
    with pytest.raises(StacksError, match="not a git repository"):
        open_repository(str(tmp_path), {"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    with pytest.raises(StacksError, match="git is not on the PATH"):
        open_repository(str(tmp_path), {"PATH": str(tmp_path)})


def test_a_submodule_that_moved_on_is_a_change_of_its_folder(repo):
    repo.git("init", "-q", "components/vpc")
    inner = ("-C", "components/vpc")
    repo.git(*inner, "commit", "-q", "--allow-empty", "-m", "one")
    base = repo.commit({"a": "a"})
    repo.git(*inner, "commit", "-q", "--allow-empty", "-m", "two")
    repo.commit({})
    changed = repo.open().changed(base, "HEAD")
    assert changed == {"components/vpc"}
    assert Changes(f"/r/{path}" for path in changed).below("/r/components/vpc")
    tree = repo.tree(base)
    assert tree.entries(f"{repo.root}/components") == [("vpc", True)]
    assert tree.entries(f"{repo.root}/components/vpc") == []
    tree.close()
