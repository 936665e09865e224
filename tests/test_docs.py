"""The documents say what the code does: every name in the code is explained, every command, link and picture they show is real."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from test_architecture import CONTINENTS, DOMAINS

from sonde.main import cli
from sonde.server.auth.model import DEFAULTS, Permission
from sonde.server.dispatches.model import State, TriggerState
from sonde.server.github.model import EffectState
from sonde.server.instances.model import Outcome, Status
from sonde.server.settings import Settings
from sonde.server.start import Exit
from sonde.server.wiring import EXCHANGE, PAGES, ROUTES
from sonde.wire.envelope import ErrorTag
from sonde.wire.refusals import REFUSALS

ROOT = Path(__file__).resolve().parent.parent
PAGES_OF_DOCS = sorted([*ROOT.glob("*.md"), ROOT / "tests" / "README.md", *(ROOT / "docs").rglob("*.md")])
CHANGELOG = ROOT / "CHANGELOG.md"
LIVING = [path for path in PAGES_OF_DOCS if path != CHANGELOG]  # a changelog may name what is gone
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))


def named(path):
    return str(path.relative_to(ROOT))


def text(name):
    return (ROOT / name).read_text()


def rows(name):
    """The tables of a page: each row as its cells."""
    lines = [line for line in text(name).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def leaves(command, path=("sonde",)):
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        yield from leaves(command.get_command(context, name), (*path, name))


def found(words):
    """The command that `sonde WORDS` calls, and the words left for it. Raises click.UsageError for one that is not there."""
    command, words = cli, list(words)
    while isinstance(command, click.Group) and words:
        context = click.Context(command, info_name="sonde")
        _, command, words = command.resolve_command(context, words)
    return command, words


def shell_lines(path):
    """The command lines of a page's `sh` blocks, without comments, one for each part of a chain."""
    for block in re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL):
        for line in block.splitlines():
            yield from (part.strip() for part in re.split(r"\s#.*$|&&", line) if part and part.strip())


def shown_commands(path):
    for line in shell_lines(path):
        words = shlex.split(line)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words[:1] == ["sonde"]:
            yield words[1:]


def mentioned_commands(path):
    """`sonde …` in running text: the words up to the first that only stands for something."""
    for code in re.findall(r"`sonde ([^`\n]+)`", path.read_text()):
        words = []
        for word in code.split():
            if not re.fullmatch(r"[a-z][a-z-]*", word):
                break
            words.append(word)
        yield words


def links(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not target.startswith(("http://", "https://", "#")):
            yield target.partition("#")[0]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_of_the_server_is_explained_with_its_default(name):
    field = Settings.model_fields[name]
    row = next((row for row in rows("docs/settings.md") if row[0] == f"`SONDE_{name.upper()}`"), None)
    assert row, f"docs/settings.md has no row for SONDE_{name.upper()}"
    for default in field.default if isinstance(field.default, tuple) else [field.default]:
        shown = f"{default:g}" if isinstance(default, float) else str(default or "")
        assert shown in row[-1]


def test_every_variable_of_the_client_for_the_control_plane_is_explained():
    source = "".join(
        path.read_text() for folder in ("cli", "stacks") for path in (ROOT / "src/sonde" / folder).rglob("*.py")
    )
    variables = set(re.findall(r"ATMOS_PRO_[A-Z_]+[A-Z]", source))
    assert "ATMOS_PRO_WORKSPACE_ID" in variables
    assert not [name for name in variables if f"`{name}`" not in text("docs/settings.md")]


def test_every_documented_setting_exists():
    ours = set(re.findall(r"SONDE_[A-Z_]+[A-Z]", "".join(path.read_text() for path in LIVING)))
    source = "".join(path.read_text() for folder in ("src", "tests") for path in (ROOT / folder).rglob("*.py"))
    known = {f"SONDE_{name.upper()}" for name in Settings.model_fields}
    assert not [name for name in ours - known if name not in source]


def test_the_unit_for_systemd_is_one_that_systemd_reads(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze here")
    unit = re.search(r"```ini\n(.*?)```", text("docs/deploy.md"), re.DOTALL)[1]
    (tmp_path / "sonde.service").write_text(unit.replace("/opt/sonde/bin/sonde", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", tmp_path / "sonde.service"], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"RestartPreventExitStatus={int(Exit.CONFIG)}" in unit


@pytest.mark.parametrize("command", list(leaves(cli)))
def test_every_command_is_in_the_readme(command):
    assert f"`{command}`" in text("README.md")


@pytest.mark.parametrize("tag", ErrorTag)
def test_every_error_tag_is_explained_as_the_wire_explains_it(tag):
    said = REFUSALS[tag]
    statuses = ", ".join(str(status) for status in said.statuses)
    assert [f"`{tag}`", statuses, said.when, said.next_step] in rows("docs/errors.md")


@pytest.mark.parametrize("code", Exit)
def test_every_exit_code_of_the_server_is_explained(code):
    assert [row for row in rows("docs/exit-codes.md") if row[:2] == [str(int(code)), code.name]]


def test_the_documented_routes_and_pages_are_those_of_the_tables():
    api = {f"{route.method} {route.path}" for route in ROUTES} | {" ".join(EXCHANGE[:2])}
    pages = {f"{page.method} {page.path}" for page in PAGES}
    wanted = {re.sub(r":\w+}", "}", line) for line in api | pages}
    documented = {row[0].strip("`") for row in rows("docs/routes.md") if row[0].startswith("`")}
    beside = {
        "POST /webhooks/github",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "/static/…",
        "GET /static/sts-policy.json",
    }
    assert documented - beside == wanted


def test_the_documented_permissions_are_those_of_the_routes_and_of_a_new_repository():
    documented = {row[0].strip("`"): row[1] for row in rows("docs/routes.md") if len(row) == 3}
    for route in ROUTES:
        assert documented[re.sub(r":\w+}", "}", f"{route.method} {route.path}")] == f"`{route.permission}`"
    of_new = {row[0].strip("`"): row[2] for row in rows("docs/permissions.md") if len(row) == 3}
    assert {str(one): "yes" if one in DEFAULTS else "no" for one in Permission}.items() <= of_new.items()


@pytest.mark.parametrize("words", [TriggerState, State, EffectState, Status, Outcome])
def test_every_state_is_in_the_glossary(words):
    assert not [word for word in words if word.value not in text("docs/glossary.md")]


def test_the_diagram_shows_the_continents_and_the_order_of_the_domains():
    diagram = re.search(r"```mermaid\n(.*?)```", text("ARCHITECTURE.md"), re.DOTALL)[1]
    assert f"`{' < '.join(DOMAINS)}`" in text("ARCHITECTURE.md")
    drawn = set(re.findall(r"^ *(\w+) --> (\w+)$", diagram, re.MULTILINE))
    assert drawn == {(continent, other) for continent, others in CONTINENTS.items() for other in others}


ROOMS = sorted(path.parent for path in (ROOT / "src" / "sonde").rglob("__init__.py") if path.parent.name != "versions")


def modules(room):
    """What a map of a room has to name: its modules, and the rooms in it."""
    inner = [path.parent.name for path in room.glob("*/__init__.py")]
    return [path.stem for path in room.glob("[!_]*.py")] + inner


@pytest.mark.parametrize("room", [room for room in ROOMS if len(modules(room)) > 9], ids=named)
def test_a_room_of_many_modules_says_where_to_look(room):
    told = ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
    words = set(re.findall(r"[a-z_]+", told))
    families = tuple(word[:-1] for word in re.findall(r"[a-z]+_\*", told))
    domains = DOMAINS if room.name == "server" else ()
    assert not [
        name for name in modules(room) if name not in {*words, *domains} and not name.startswith(families or "-")
    ]


def test_the_map_of_the_tests_names_every_test_of_the_server_and_every_room():
    told = [row for row in rows("tests/README.md") if len(row) == 2]
    named_tests = [name for _, tests in told for name in re.findall(r"\w+", re.sub(r"\(.*?\)|in `web/`:", "", tests))]
    there = [path.stem.removeprefix("test_") for path in (ROOT / "tests" / "server").rglob("test_*.py")]
    assert sorted(set(there) - set(named_tests)) == []
    assert sorted(name for name in there if named_tests.count(name) > 1) == []
    named_rooms = {name for room, _ in told for name in re.findall(r"`(\w+)`", room)}
    assert {room.name for room in ROOMS if room.parent.name == "server"} <= named_rooms


@pytest.mark.parametrize("path", PAGES_OF_DOCS, ids=named)
def test_every_relative_link_and_picture_is_there(path):
    assert not [target for target in links(path) if not (path.parent / target).exists()]


@pytest.mark.parametrize("path", LIVING, ids=named)
def test_every_shown_command_is_one(path):
    for words in shown_commands(path):
        command, rest = found(words)
        command.make_context(command.name, rest)  # parses, runs nothing
    for words in mentioned_commands(path):
        found(words)


def test_every_shown_make_target_is_one():
    targets = set(re.findall(r"^([a-z-]+):.*##", text("Makefile"), re.MULTILINE))
    lines = [line.split() for path in LIVING for line in shell_lines(path) if line.startswith("make")]
    assert {target for line in lines for target in line[1:]} <= targets
    assert ["make", "demo"] in lines


def test_the_checks_see_a_command_that_is_none():
    with pytest.raises(click.UsageError):
        found(["pro", "padlock"])
    command, rest = found(["pro", "lock", "vpc", "--stak", "prod"])
    with pytest.raises(click.UsageError):
        command.make_context(command.name, rest)


@pytest.mark.parametrize("path", ADRS, ids=named)
def test_a_decision_says_what_would_change_our_mind(path):
    headings = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
    assert {"Context", "Decision", "Consequences", "What would change our mind"} <= set(headings)


def test_decisions_are_numbered_once():
    numbers = [path.name[:4] for path in ADRS]
    assert len(set(numbers)) == len(numbers)
    assert all(path.read_text().startswith(f"# {int(path.name[:4])}. ") for path in ADRS)


def test_pictures_are_small():
    pictures = list((ROOT / "docs" / "pictures").iterdir())
    assert pictures
    assert not [picture.name for picture in pictures if picture.stat().st_size >= 200_000]


def test_the_changelog_has_the_place_where_a_release_is_written():
    settings = tomllib.loads(text("pyproject.toml"))["tool"]["towncrier"]
    marker = settings.get("start_string", "<!-- towncrier release notes start -->\n")
    assert marker in CHANGELOG.read_text()
    kinds = "|".join(kind["directory"] for kind in settings["type"])
    fragments = [path.name for path in (ROOT / settings["directory"]).glob("*.md")]
    assert not [name for name in fragments if not re.fullmatch(rf"\+[a-z0-9-]+\.({kinds})\.md", name)]
