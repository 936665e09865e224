"""The client under its other name: `atmos`, which the extra `sonde[atmos]` puts on the PATH."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sonde import __version__

ROOT = Path(__file__).resolve().parents[2]
EXTRA = tomllib.loads((ROOT / "atmos" / "pyproject.toml").read_text())["project"]
SCRIPT = f"#!{sys.executable}\nfrom {EXTRA['scripts']['atmos'].partition(':')[0]} import main\nmain()\n"
ATMOS_YAML = (
    'base_path: "."\nstacks: {base_path: stacks, included_paths: ["**/*"], name_pattern: "{stage}"}\n'
    "components: {terraform: {base_path: components/terraform}}\n"
)


@pytest.fixture
def called(tmp_path):
    """called(name, *argv) runs the console script that an installation makes, under that name, in a project."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "atmos.yaml").write_text(ATMOS_YAML)
    (tmp_path / "stacks" / "dev.yaml").write_text(
        "vars: {stage: dev}\ncomponents: {terraform: {vpc: {vars: {a: 1}}}}\n"
    )

    def run(name, *argv, **env):
        script = tmp_path / name
        script.write_text(SCRIPT)
        script.chmod(0o755)
        facts = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "src"), **env}
        return subprocess.run([script, *argv], cwd=tmp_path, env=facts, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("name", ["atmos", "sonde"])
@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--help"], "Usage: {} [OPTIONS]"),
        (["--help"], "{} pro lock vpc -s prod/us-east-1"),
        (["pro", "lock", "--help"], "{} pro lock vpc -s prod --ttl 900"),
        (["pro", "with-lock", "--help"], "-- {} terraform apply vpc"),
        (["terraform", "--help"], "{} terraform plan --all -s dev"),
        (["terraform", "plan"], "{} terraform plan vpc -s dev"),
        (["terraform", "plam"], "Unknown command plam for {} terraform"),
        (["terraform", "plan", "vpc", "--nope"], "unknown flag --nope for command {} terraform plan"),
        (["pro"], "{} pro requires a subcommand"),
        (["pro", "lock", "--nope"], "Run {} pro lock --help for usage"),
        (["pro", "unlock"], "{} pro unlock vpc -s prod/us-east-1"),
        (["pro", "with-lock", "vpc", "--", "true"], "{} pro with-lock vpc -s prod -- {} terraform apply vpc"),
        (["describe", "affected", "--base", "nope"], "{} describe affected --base <branch or commit>"),
    ],
)
def test_help_and_errors_name_the_command_as_it_was_called(called, tmp_path, name, argv, says):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    done = called(name, *argv)
    text = " ".join((done.stdout + done.stderr).split())
    assert says.replace("{}", name) in text
    other = {"atmos": "sonde", "sonde": "atmos"}[name]
    assert f"{other} {argv[0]}" not in text


def test_an_upload_that_fails_is_sent_again_by_the_name_it_was_called_by(called, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    env = {"ATMOS_PRO_TOKEN": "t", "ATMOS_PRO_BASE_URL": "ftp://plane.test"}
    assert (
        "Send it again: atmos list instances --upload" in called("atmos", "list", "instances", "--upload", **env).stderr
    )


def test_an_answer_kept_under_one_name_is_not_given_under_the_other(called, tmp_path):
    (tmp_path / "atmos.yaml").write_text(f"{ATMOS_YAML}schemas: {{atmos: {{manifest: gone.json}}}}\n")
    for name in ("sonde", "atmos", "sonde", "atmos"):
        assert f"`{name} validate stacks` fails" in called(name, "describe", "stacks").stderr


def test_the_version_is_both_the_compatible_one_and_ours(called):
    assert called("atmos", "version").stdout == f"sonde {__version__}, compatible with atmos 1.227.0\n"
    told = json.loads(called("sonde", "version", "--format", "json").stdout)
    assert (told["version"], told["sonde"]) == ("1.227.0", __version__)
    assert called("sonde", "version", "--format", "xml").returncode == 1


def test_the_extra_is_the_distribution_beside_it_in_the_same_version():
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert ours["optional-dependencies"]["atmos"] == [f"{EXTRA['name']}=={EXTRA['version']}"]
    assert EXTRA["dependencies"] == [f"sonde=={ours['version']}"]
    assert EXTRA["version"] == ours["version"] == __version__
    assert EXTRA["scripts"]["atmos"] == ours["scripts"]["sonde"]


@pytest.mark.storm
def test_an_installation_with_the_extra_has_the_command_and_one_without_it_does_not(tmp_path):
    uv, wheels = Path(sys.executable).with_name("uv"), tmp_path / "wheels"
    for folder in (ROOT, ROOT / "atmos"):
        built = subprocess.run(
            [uv, "build", "--wheel", "--offline", "-q", "-o", wheels, folder],
            check=False,
            capture_output=True,
            text=True,
        )
        if built.returncode:
            pytest.skip(f"the wheel cannot be built here: {built.stderr.strip().splitlines()[-1]}")
    install = [uv, "pip", "install", "-q", "--offline", "--no-index", "--no-deps", "--find-links", wheels]
    for wanted, has in (["sonde"], False), (["sonde", "sonde-atmos"], True):
        target = tmp_path / "-".join(wanted)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", target], check=True)
        subprocess.run([*install, "--python", target / "bin" / "python", *wanted], check=True, capture_output=True)
        assert (target / "bin" / "sonde").exists()
        assert (target / "bin" / "atmos").exists() == has
