"""What a command imports is what it costs: counted in modules, which do not depend on the machine's mood."""

import importlib.util
import json
import subprocess
import sys

import pytest

from sonde.cli import pro
from sonde.main import COMMANDS, SERVER_COMMANDS

REPORT = """
import sys
from sonde import main
from sonde.cli import errors
code = errors.run(main.cli, {argv!r}, prog="sonde", env={{}}, stderr=sys.stderr)
import json
sys.stderr.write("\\n" + json.dumps([code, sorted(sys.modules)]))
"""
CLIENT = [name for name in COMMANDS if name not in SERVER_COMMANDS]


def modules_after(argv, cwd, env):
    code = REPORT.format(argv=argv)
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    return json.loads(done.stderr.splitlines()[-1])


@pytest.fixture
def environment(plane, tmp_path):
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "ATMOS_PRO_BASE_URL": plane.url, "ATMOS_PRO_TOKEN": "x"}


def test_pro_lock_loads_few_modules_and_no_subprocess(checkout, environment, plane):
    code, modules = modules_after(["pro", "lock", "vpc", "-s", "dev"], checkout, environment)
    assert code == 0
    assert len(plane.seen) == 1
    ours = [name for name in modules if name.startswith("sonde")]
    assert not {"subprocess", "asyncio", "logging", "concurrent.futures"} & set(modules)
    assert not any(name.startswith(("sonde.gotemplate", "sonde.cli.tf")) for name in ours)
    assert len(modules) < 260, f"{len(modules)} modules, ours: {ours}"


@pytest.mark.parametrize("command", [*CLIENT, *(f"pro {name}" for name in pro.COMMANDS)])
def test_no_command_of_the_client_imports_the_server_or_its_libraries(checkout, environment, command):
    module = COMMANDS[command.split()[0]][0].partition(":")[0]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not written yet")
    _, modules = modules_after([*command.split(), "--help"], checkout, environment)
    foreign = ("sonde.server", "sonde.sandbox", "sonde.demo", "fastapi", "pydantic", "sqlalchemy", "msgspec", "httpx")
    assert not [name for name in modules if name.startswith(foreign)]
