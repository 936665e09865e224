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
# domains of the server, in order: each may import those before it (docs/adr/0006), the kernel always
DOMAINS = (
    "workspaces",
    "audit",
    "auth",
    "chunks",
    "locks",
    "instances",
    "executions",
    "github",
    "dispatches",
    "commits",
    "sts",
    "affected",
    "webhooks",
    "pulls",
)
# files inside a domain, inward only: a file may import those of its domain that are listed for it
LAYERS = {"model": set(), "decide": {"model"}, "store": {"model"}}
LAYER_FILES = {"service", "api", "pages", "store", "decide"}
SQL = ("sqlalchemy", "alembic")
SQL_HOMES = ("store.py", "kernel/", "migrations/", "schema.py", "migrate.py")
CLOCKS = {
    "time.time",
    "datetime.now",
    "datetime.utcnow",
    "uuid.uuid4",
    "uuid4",
    "secrets.token_urlsafe",
    "secrets.token_hex",
    "secrets.randbits",
}
CLOCK_HOMES = (
    "kernel/ids.py",
    "github/client.py",
)  # ids are made there; the client counts GitHub's rate limit by its own clock
ENVIRONMENT_HOMES = ("settings.py", "kernel/points.py", "main.py")


def modules():
    return [path for path in SRC.rglob("*.py") if path.relative_to(SRC).parts[0] in CONTINENTS]


def server_modules():
    return list((SRC / "server").rglob("*.py"))


def named(path):
    return str(path.relative_to(SRC))


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def continent_breaches(continent, tree):
    for name in imported(tree):
        parts = name.split(".")
        if parts[0] != "sonde" or len(parts) < 2 or parts[1] not in CONTINENTS:
            continue
        if parts[1] != continent and parts[1] not in CONTINENTS[continent]:
            yield f"{continent} imports {name}"


def domain_breaches(domain, tree):
    before = DOMAINS[: DOMAINS.index(domain) + 1]
    for name in imported(tree):
        parts = name.split(".")
        if parts[:2] == ["sonde", "server"] and parts[2] in DOMAINS and parts[2] not in before:
            yield f"{domain} imports {name}"


def layer_breaches(domain, layer, tree):
    for name in imported(tree):
        parts = name.split(".")
        if parts[:3] == ["sonde", "server", domain] and parts[3] in LAYER_FILES - LAYERS[layer] - {layer}:
            yield f"{domain}/{layer}.py imports {name}"


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def by_folder(paths):
    """A case for each folder, not for each of its files: a thousand cases cost more than what they look at."""
    together = {}
    for path in paths:
        together.setdefault(path.parent, []).append(path)
    return pytest.mark.parametrize("paths", together.values(), ids=[named(folder) for folder in together])


def breaches(paths, of):
    """What `of(path, its tree)` finds in each file, with the file's name."""
    return [f"{named(path)}: {breach}" for path in paths for breach in of(path, ast.parse(path.read_text()))]


@by_folder(modules())
def test_a_module_imports_only_the_continents_it_may(paths):
    assert not breaches(paths, lambda path, tree: continent_breaches(path.relative_to(SRC).parts[0], tree))


@by_folder(path for path in server_modules() if path.parent.name in DOMAINS)
def test_a_domain_imports_only_the_domains_before_it(paths):
    assert not breaches(paths, lambda path, tree: domain_breaches(path.parent.name, tree))
    layers = [path for path in paths if path.stem in LAYERS]
    assert not breaches(layers, lambda path, tree: layer_breaches(path.parent.name, path.stem, tree))


def home_breaches(path, tree):
    place = str(path.relative_to(SRC / "server"))
    if not place.endswith(SQL_HOMES) and not place.startswith(SQL_HOMES):
        yield from (
            name for name in imported(tree) if name.startswith(SQL) and "exc" not in name and name != "sqlalchemy.text"
        )
    if not place.endswith(CLOCK_HOMES):
        yield from (call for call in calls(tree) if call in CLOCKS)
    if not place.endswith(ENVIRONMENT_HOMES) and "os.environ" in path.read_text():
        yield "os.environ"


@by_folder(server_modules())
def test_sql_clocks_and_the_environment_have_their_homes(paths):
    assert not breaches(paths, home_breaches)


@by_folder(modules())
def test_a_file_has_at_most_400_lines(paths):
    assert not {named(path): lines for path in paths if (lines := len(path.read_text().splitlines())) > 400}


def test_each_test_file_has_a_name_of_its_own():
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert len(names) == len(set(names))


def test_the_checks_see_a_breach_of_each_kind():
    assert list(continent_breaches("stacks", ast.parse("from sonde.server.kernel import db\n")))
    assert list(domain_breaches("locks", ast.parse("from sonde.server.pulls import service\n")))
    assert list(layer_breaches("locks", "decide", ast.parse("from sonde.server.locks import store\n")))
