"""The direction of imports, the place of SQL, clocks and the environment: held by walking the syntax trees."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parent.parent / "src" / "sonde"

# continent -> continents it may import (itself always)
CONTINENTS = {
    "wire": set(),
    "gotemplate": set(),
    "stacks": {"gotemplate"},
    "cli": {"wire", "stacks"},
    "sandbox": set(),
    "server": {"wire", "gotemplate"},
    "demo": {"sandbox", "wire"},
}


def modules():
    return [path for path in SRC.rglob("*.py") if path.relative_to(SRC).parts[0] in CONTINENTS]


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def continent_breaches(continent, tree):
    for name in imported(tree):
        parts = name.split(".")
        if parts[0] != "sonde" or len(parts) < 2 or parts[1] not in CONTINENTS:
            continue
        if parts[1] != continent and parts[1] not in CONTINENTS[continent]:
            yield f"{continent} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SRC)))
def test_a_module_imports_only_the_continents_it_may(path):
    continent = path.relative_to(SRC).parts[0]
    assert not list(continent_breaches(continent, ast.parse(path.read_text())))


def test_the_check_sees_stacks_importing_server():
    tree = ast.parse("from sonde.server.kernel import db\n")
    assert list(continent_breaches("stacks", tree))
