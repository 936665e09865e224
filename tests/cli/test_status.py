"""`sonde pro status` against a real control plane, with a pull request that really went through it."""

import json

import pytest
from world import item

from sonde.cli.pro_status import described
from sonde.wire.reads import PullSeen


@pytest.fixture(scope="module")
def pull(control):
    """A pull request whose affected stacks were uploaded: `app` waits for `net`, `net` was planned."""
    world = control.world
    made = world.open_pull_request("resize")
    run = next(run for run, one in world.runs.requests.items() if one is world.run_of())
    answer = world.upload(made.head_sha, [item("net", dependents=[item("app")])], world.session(run))
    assert answer.status == 200, answer.body
    world.settle()
    done = world.server.request(
        "PATCH",
        "/api/v1/repos/acme/infra/instances?stack=dev&component=net",
        body={"command": "plan", "exit_code": 2, "last_run": "2026-11-23T10:00:00Z"},
        token=control.token,
    )
    assert done.status == 200, done.body
    return made


def test_a_pull_request_shows_what_it_started_and_why_the_rest_waits(control, run, pull):
    code, out, _ = run("pro", "status", "--pull", str(pull.number), env=control.static())
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith(f"#{pull.number} ")
    assert f"(open, head {pull.head_sha[:7]})" in lines[0]
    assert f"opened {pull.head_sha[:7]}: " in out
    shown = json.loads(run("pro", "status", "--pull", str(pull.number), "--format", "json", env=control.static())[1])
    seen = {(one["component"], one["state"], one["because"]) for one in shown["triggers"][0]["dispatches"]}
    assert {component for component, _, _ in seen} >= {"net"}
    for component, state, because in seen:
        line = next(line for line in lines if line.startswith(f"  dev/{component} "))
        assert state in line
        assert because in line


def test_a_pull_request_that_is_not_known_is_said_in_the_servers_words(control, run, pull):
    code, _, err = run("pro", "status", "--pull", str(pull.number + 100), env=control.static())
    assert code == 1
    assert f"No event of pull request {pull.number + 100} of acme/infra has arrived here." in err
    assert "Only a Sonde server" not in err


@pytest.mark.usefixtures("pull")
def test_instances_show_their_last_status(control, run):
    code, out, _ = run("pro", "status", env=control.static())
    assert code == 0
    assert out.splitlines()[0].split("  ")[0] == "STACK"
    line = next(line for line in out.splitlines() if " net " in line).split()
    answer = control.world.server.request("GET", "/api/v1/repos/acme/infra/instances", token=control.token)
    status = next(one["status"] for one in answer.data["instances"] if one["component"] == "net")
    assert line == ["dev", "net", status, "plan", "2", "2026-11-23T10:00:00Z"]


@pytest.mark.usefixtures("pull")
def test_one_instance_is_chosen_by_component_and_stack(control, run):
    code, out, _ = run("pro", "status", "net", "-s", "dev", "--format", "json", env=control.static())
    assert code == 0
    assert [(one["stack"], one["component"], one["exitCode"]) for one in json.loads(out)] == [("dev", "net", 2)]
    code, out, err = run("pro", "status", "net", "-s", "prod", env=control.static())
    assert (code, out) == (1, "")
    assert "knows no instance of 'net' in 'prod'" in err


def test_a_pull_request_without_an_upload_says_what_is_missing():
    text = described(PullSeen(number=4, title="new\nlines\033[2J", head_sha="a" * 40, merged=True), "", "")
    assert text.startswith("#4 new lines [2J (merged, head aaaaaaa)\n")
    assert "has not been uploaded" in text


def test_an_answer_of_another_shape_is_refused_by_its_place(sonde, plane):
    plane.says((200, {"success": True, "data": {"instances": [{"stack": "dev"}]}}))
    done = sonde("pro", "status")
    assert done.returncode == 1
    assert "data.instances[0]: component is missing" in done.stderr
