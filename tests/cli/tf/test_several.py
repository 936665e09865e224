"""Several instances in one call, with the real Terraform: order, logs, failures, and which are meant."""

import json
import re
import shutil
import subprocess

import pytest
from several import COLOURS, TERRAFORM, component, ended

pytestmark = pytest.mark.skipif(not shutil.which("terraform"), reason="there is no `terraform` on the PATH")


def most_at_once(calls, wanted=lambda command, folder: True):
    running = most = 0
    for edge, command, folder in calls:
        if wanted(command, folder):
            running += 1 if edge == "begin" else -1
            most = max(most, running)
    return most


def test_several_run_at_a_time_but_one_in_a_folder_and_one_init_in_a_plugin_cache(terraform, infra):
    done = terraform("plan", "--all", "-s", "dev", "--max-concurrency", "4", "-detailed-exitcode")
    assert done.returncode == 2, done.stderr
    calls = infra.calls()
    assert [command for edge, command, _ in calls if edge == "begin"].count("plan") == 4
    assert most_at_once(calls) > 1
    assert {most_at_once(calls, lambda _, folder, name=name: folder == name) for name in "acd"} == {1}
    assert most_at_once(calls, lambda command, _: command == "init") == 1
    order = [(edge, folder) for edge, command, folder in calls if command == "plan"]
    assert order.index(("end", "a")) < order.index(("begin", "c"))
    assert ended(done.stderr) == dict.fromkeys("abcd", "changes")


def test_each_line_says_whose_it_is_and_each_has_a_log_of_its_own(terraform, infra):
    done = terraform("plan", "--all", "-s", "dev", "--max-concurrency", "4")
    assert done.returncode == 0, done.stderr
    told = {name: [] for name in "abcd"}
    for line in done.stdout.splitlines():
        name, text = re.fullmatch(r"\[dev/([abcd])\] (.*)", line).groups()
        told[name].append(text)
    for name, lines in told.items():
        log = (infra.logs("plan") / f"dev__{name}.stdout.log").read_text()
        assert "1 to add, 0 to change" in log
        assert lines == COLOURS.sub("", log).splitlines()
    assert (
        subprocess.run(
            ["git", "-C", infra.root, "status", "--porcelain", ".atmos"], capture_output=True, check=True
        ).stdout
        == b""
    ), "the logs are not git's business"


def test_grouped_logs_come_whole_and_in_github_actions_as_groups(terraform, infra):
    flags = ("plan", "--components", "a,d", "-s", "dev", "--max-concurrency", "2", "--log-order", "grouped")
    done = terraform(*flags)
    assert re.findall(r"\[dev/(.)\] (plan output succeeded|end plan output)", done.stderr)[1::2] in (
        [("a", "end plan output"), ("d", "end plan output")],
        [("d", "end plan output"), ("a", "end plan output")],
    )
    logs = [COLOURS.sub("", (infra.logs("plan") / f"dev__{name}.stdout.log").read_text()) for name in "ad"]
    assert done.stdout.replace("\n", "") in {"".join(logs).replace("\n", ""), "".join(logs[::-1]).replace("\n", "")}
    done = terraform(*flags, GITHUB_ACTIONS="true")
    groups = re.findall(r"^::group::\[dev/(.)\] plan succeeded.*?^::endgroup::$", done.stdout, re.MULTILINE | re.DOTALL)
    assert sorted(groups) == ["a", "d"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--max-concurrency", "2"), {"a": "failed", "b": "skipped", "c": "skipped", "d": "ok", "e": "skipped"}),
        (
            ("--max-concurrency", "2", "--failure-mode", "keep-going"),
            {"a": "failed", "b": "ok", "c": "skipped", "d": "ok", "e": "skipped"},
        ),
    ],
)
def test_after_a_failure_what_runs_goes_on_and_the_rest_depends_on_the_failure_mode(terraform, infra, flags, expected):
    infra.has(
        component("a", bad=True),
        component("b", "a"),
        component("c", needs="a"),
        component("d"),
        component("e", "c", "c"),
    )
    done = terraform("plan", "--all", "-s", "dev", *flags)
    assert done.returncode == 1
    assert ended(done.stderr) == expected
    assert "terraform execution failed: component=a stack=dev: subcommand exited with code 1" in done.stderr
    assert "no good" in (infra.logs("plan") / "dev__a.stderr.log").read_text()


def test_keep_going_one_at_a_time_skips_what_needs_the_failed_one(terraform, infra):
    infra.has(component("a", bad=True), component("c", needs="a"), component("d"))
    done = terraform("plan", "--all", "-s", "dev", "--failure-mode", "keep-going")
    assert done.returncode == 1
    assert 'component=c stack=dev because="dependency a-dev failed"' in done.stderr
    assert [folder for edge, command, folder in infra.calls() if (edge, command) == ("begin", "plan")] == ["a", "d"]


def test_what_cannot_be_run_at_all_fails_alone_and_its_log_says_why(terraform, infra):
    infra.has(component("a", "gone"), component("d"))
    done = terraform("plan", "--all", "-s", "dev", "--max-concurrency", "2", "--failure-mode", "keep-going")
    assert done.returncode == 1
    assert ended(done.stderr) == {"a": "failed", "d": "ok"}
    assert "[dev/a] **Error:** invalid Terraform component" in done.stderr


def test_the_execution_summary_has_each_instance_in_order(terraform, infra, tmp_path):
    infra.has(component("a", bad=True), component("c", needs="a"), component("d"))
    for limit in ("1", "2"):
        file = tmp_path / f"summary-{limit}.json"
        flags = ("--max-concurrency", limit, "--failure-mode", "keep-going", "--execution-summary-file", str(file))
        terraform("plan", "--all", "-s", "dev", "-detailed-exitcode", *flags)
        a, c, d = json.loads(file.read_text())["results"]
        assert (a["node_id"], a["status"], a["exit_code"], a["changed"]) == ("a-dev", "failed", 1, False)
        assert c == {
            "node_id": "c-dev",
            "stack": "dev",
            "component": "c",
            "status": "skipped",
            "processed": False,
            "changed": False,
            "exit_code": 1,
            "error": "scheduler node skipped: dependency a-dev failed",
        }
        assert (d["status"], d["exit_code"], d["changed"], d["processed"]) == ("succeeded", 2, True, True)
        assert d["duration_ms"] >= 0
        assert d["started_at"] <= d["finished_at"]
        assert ("log_files" in d) == (limit == "2")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("apply", "--max-concurrency", "2"), "concurrent Terraform apply requires -auto-approve"),
        (("destroy", "--max-concurrency", "2"), "concurrent Terraform destroy requires -auto-approve"),
        (("plan", "--max-concurrency", "many"), 'invalid argument "many" for "--max-concurrency" flag'),
        (("plan", "--log-order", "up"), 'invalid --log-order "up": supported values are "stream", "grouped"'),
    ],
)
def test_what_cannot_be_meant_runs_nothing(terraform, infra, flags, says):
    done = terraform(*flags, "--all", "-s", "dev")
    assert done.returncode == 1
    assert says in done.stderr
    assert not infra.calls()


def test_apply_gives_those_behind_it_the_new_outputs_and_each_result_is_reported(terraform, infra, plane):
    reads = component("c", needs="a", size="!terraform.state a .size")

    def apply(size, *flags):
        infra.has(component("a", size=size), reads, component("d"))
        path = infra.root / "stacks" / "dev.yaml"
        path.write_text(path.read_text().replace('"!terraform.state a .size"', "!terraform.state a .size"))
        done = terraform("apply", "--all", "-s", "dev", "-auto-approve", "--upload-status", *flags)
        assert done.returncode == 0, done.stderr
        return infra.state("c")["first"]

    assert apply(1, "--max-concurrency", "3") == 1, "there was no state before"
    assert apply(2, "--max-concurrency", "3") == 2
    assert apply(3) == 3
    assert apply(4, "--query", '.vars.stage == "dev"') == 4, "what the query read is not what is there by now"
    told = [re.search(r"component=(\w)", seen.path)[1] for seen in plane.seen]
    assert sorted(told) == sorted("acd" * 4)
    assert told.index("a") < told.index("c")
    assert {(seen.body["command"], seen.body["exit_code"]) for seen in plane.seen} == {("apply", 0)}


def test_who_reads_outputs_of_a_component_does_not_come_between_another_in_its_folder(terraform, infra):
    """Without a local backend outputs are read by Terraform, which selects the component's workspace for it."""
    atmos = (infra.root / "atmos.yaml").read_text()
    (infra.root / "atmos.yaml").write_text(atmos.replace("backend_file: true", "backend_file: false"))
    reader = component("c", needs="a", size="READ")
    infra.has(component("a", size=5), component("b", "a", "a", size=6), reader)
    path = infra.root / "stacks" / "dev.yaml"
    text = path.read_text().replace('"READ"', "!terraform.output a .size")
    text = text.replace('"local"', '"s3"')
    path.write_text(text.replace('"backend_type"', f'"command": "{infra.shim}", "backend_type"'))
    done = terraform("apply", "--all", "-s", "dev", "-auto-approve", "--max-concurrency", "3")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "+ input  = 5" in re.sub(r"\[dev/[ab]\].*", "", done.stdout)
    assert (infra.folder("a") / "terraform.tfstate.d" / "dev-b").exists(), "b has a state of its own"
    assert most_at_once(infra.calls(), lambda _, folder: folder == "a") == 1


def test_destroy_goes_the_other_way(terraform, infra):
    infra.has(component("a"), component("c", needs="a"))
    assert terraform("deploy", "--all", "-s", "dev", "--max-concurrency", "2").returncode == 0
    infra.calls()
    done = terraform("destroy", "--all", "-s", "dev", "-auto-approve", "--max-concurrency", "2")
    assert done.returncode == 0, done.stderr
    assert [folder for edge, command, folder in infra.calls() if (edge, command) == ("end", "destroy")] == ["c", "a"]
    assert infra.state("a") == infra.state("c") == {}


def test_a_selection_grows_by_what_it_needs_and_what_needs_it(terraform, infra):
    infra.has(component("a"), component("b", "a", "a"), component("c", needs="b"), component("d"))

    def planned(*flags):
        done = terraform("plan", "-s", "dev", "--dry-run", *flags)
        assert done.returncode == 0, done.stderr
        return re.findall(r"plan -var-file dev-(\w)\.", done.stderr)

    assert planned("--components", "c", "--include-dependencies") == ["a", "b", "c"]
    assert planned("--components", "c", "--include-dependencies=1") == ["b", "c"]
    assert planned("--components", "a", "--include-dependents") == ["a", "b", "c"]
    assert planned("--components", "b", "--include-dependents", "--include-dependencies") == ["a", "b", "c"]
    refused = terraform("plan", "a", "-s", "dev", "--include-dependents")
    assert (refused.returncode, "add to a selection" in refused.stderr) == (1, True)


def test_flags_before_and_behind_the_command_reach_each_instance(sonde, infra, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = sonde(
        *("--base-path", str(infra.root), "--config", str(infra.root / "atmos.yaml"), "tf", "plan", "--all"),
        *("--chdir", str(elsewhere), "-s", "dev", "--max-concurrency=3", "--", "-var", "size=7"),
        env={**TERRAFORM, "ATMOS_COMPONENTS": "a,d"},
    )
    assert done.returncode == 0, done.stderr
    assert sorted(re.findall(r"\[dev/(.)\] +\+ input += .7.", done.stdout)) == ["a", "d"]
    assert ended(done.stderr) == {"a": "ok", "d": "ok"}
