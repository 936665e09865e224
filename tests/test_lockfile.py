"""What the tree must not hold: another package index, or a path of the machine it was written on (decisions.md, ruling 20)."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = {"pypi.org", "files.pythonhosted.org"}
HOST = re.compile(r"[a-z]+://(?:[^/@\s\"']*@)?([^/:\s\"']+)")
MACHINE = re.compile(r"(?<![\w.~}/-])/(?:" + "root|work|home/[a-z]+" + r")/[\w.-]")
INDEX = re.compile(
    r"(?i)(?:index[-_]url|extra[-_]index|default[-_]index|registry\s*=|find[-_]links|\[\[?tool\.uv\.index)"
)
OUR_REGISTRY = re.compile(r'registry = "https://pypi\.org/simple"')


def tracked():
    """Every text file that git knows or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if name and path.is_file() and not path.is_symlink():
            raw = path.read_bytes()
            if b"\0" not in raw[:8000]:
                yield name, raw.decode("utf-8", "replace")


def hosts(text):
    return set(HOST.findall(text))


def machine_paths(text):
    return [found.group() for found in MACHINE.finditer(text)]


def other_indexes(text):
    return [line for line in text.splitlines() if INDEX.search(line) and not OUR_REGISTRY.search(line)]


def test_the_lock_file_names_the_public_index_only():
    assert hosts((ROOT / "uv.lock").read_text()) == PUBLIC


def test_no_file_holds_a_path_of_a_machine():
    held = {
        name: found for name, text in tracked() if (found := machine_paths(text)) and name != "tests/test_lockfile.py"
    }
    assert not held


def test_no_file_of_packaging_or_words_names_another_index():
    held = {
        name: found
        for name, text in tracked()
        if not name.startswith(("src/", "tests/")) and (found := other_indexes(text))
    }
    assert not held


@pytest.mark.parametrize("url", ["https://mirror.example/simple", "http://user:pass@10.0.0.1:8080/x.whl"])
def test_the_check_sees_another_host(url):
    assert hosts(f'source = {{ registry = "{url}" }}') - PUBLIC


@pytest.mark.parametrize("line", ["cd /root/x", 'open("/work/main")', "at:/home/someone/x", "`/work/wt/a`"])
def test_the_check_sees_a_path_of_a_machine(line):
    assert machine_paths(line)


@pytest.mark.parametrize("line", ["a/root/x", "https://example.test/work/x", "./work/x", "~/root/x", "${X}/work/x"])
def test_the_check_lets_other_paths_be(line):
    assert not machine_paths(line)


@pytest.mark.parametrize(
    "line", ['index-url = "https://x"', "UV_DEFAULT_INDEX=https://x", 'registry = "https://x"', "--extra-index-url x"]
)
def test_the_check_sees_another_index(line):
    assert other_indexes(line)
