"""`sonde describe affected` and `list affected` from argv to stdout, in real git repositories."""

import json
import subprocess

import pytest

from sonde.sandbox import sample

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]


@pytest.fixture
def git(checkout):
    def run(*command, cwd=checkout):
        done = subprocess.run([*GIT, *command], cwd=cwd, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return run


@pytest.fixture
def change(checkout, git):
    """Write files (None deletes one) and commit them on a branch of their own."""

    def commit(files):
        git("checkout", "-q", "-B", "feature")
        for name, text in files.items():
            path = checkout / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        git("add", "-A")
        git("commit", "-q", "-m", "change")
        return git("rev-parse", "HEAD")

    return commit


DEV = "vars:\n  stage: dev\ncomponents:\n  terraform:\n"
BIGGER = f"{DEV}    vpc:\n      vars: {{size: 2}}\n"


def items(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_changed_variable_affects_its_component(sonde, change):
    change({"stacks/dev.yaml": BIGGER})
    done = sonde("describe", "affected", "--base", "main")
    assert items(done) == [
        {
            "component": "vpc",
            "component_type": "terraform",
            "component_path": "components/terraform/vpc",
            "stack": "dev",
            "stack_slug": "dev-vpc",
            "affected": "stack.vars",
            "affected_all": ["stack.vars"],
            "dependents": None,
            "included_in_dependents": False,
            "settings": None,
        }
    ]
    assert list(items(done)[0]) == sorted(items(done)[0], key=done.stdout.index)


def test_edits_that_are_not_committed_count_for_the_configuration_and_not_for_component_files(sonde, checkout):
    (checkout / "stacks" / "dev.yaml").write_text(BIGGER)
    (checkout / "components" / "terraform" / "vpc").mkdir(parents=True)
    (checkout / "components" / "terraform" / "vpc" / "main.tf").write_text("")
    found = items(sonde("describe", "affected", "--base", "main"))
    assert [each["affected_all"] for each in found] == [["stack.vars"]]


def test_a_deleted_component_and_a_deleted_stack_are_told_apart(sonde, change, git):
    change(
        {"stacks/prod.yaml": DEV.replace("dev", "prod") + "    vpc: {}\n", "stacks/dev.yaml": f"{BIGGER}    db: {{}}\n"}
    )
    git("branch", "-f", "base")
    change({"stacks/prod.yaml": None, "stacks/dev.yaml": BIGGER})
    found = items(sonde("describe", "affected", "--base", "base"))
    assert [(each["stack"], each["affected"], each["deletion_type"]) for each in found] == [
        ("dev", "deleted", "component"),
        ("prod", "deleted.stack", "stack"),
    ]


def test_a_file_that_moved_affects_both_components(sonde, change, git):
    two = f"{BIGGER}    db: {{}}\n"
    change({"stacks/dev.yaml": two, "components/terraform/vpc/a.tf": "# a\n" * 20})
    git("branch", "-f", "base")
    change({"components/terraform/vpc/a.tf": None, "components/terraform/db/a.tf": "# a\n" * 20})
    found = items(sonde("describe", "affected", "--base", "base"))
    assert [(each["component"], each["affected"]) for each in found] == [("db", "component"), ("vpc", "component")]


def test_a_file_that_a_manifest_includes_affects_it(sonde, change, git):
    with_include = f"{DEV}    vpc:\n      vars: !include config/vpc.yaml\n"
    change({"stacks/dev.yaml": with_include, "config/vpc.yaml": "size: 1\n"})
    git("branch", "-f", "base")
    change({"config/vpc.yaml": "size: 2\n"})
    assert [each["affected"] for each in items(sonde("describe", "affected", "--base", "base"))] == ["stack.vars"]


def test_a_base_that_is_not_here_ends_with_gits_exit_code_and_the_next_step(sonde):
    for argv in (["--base", "nowhere"], ["--base", "0" * 40], ["--base=--all"], []):
        done = sonde("describe", "affected", *argv)
        assert (done.returncode, done.stdout) == (128, ""), argv
        assert "git reference not found" in done.stderr
        assert "--base <branch or commit>" in " ".join(done.stderr.split())


def test_a_base_without_stacks_makes_everything_new_and_a_broken_one_is_named_as_the_base(sonde, change, git):
    change({"stacks/dev.yaml": None, "stacks/broken.yaml": "a: [\n"})
    git("branch", "-f", "broken")
    change({"stacks/broken.yaml": None})
    git("branch", "-f", "empty")
    change({"stacks/dev.yaml": BIGGER})
    (item,) = items(sonde("describe", "affected", "--base", "empty"))
    assert item["affected_all"][0] == "stack.metadata"
    done = sonde("describe", "affected", "--base", "broken")
    assert (done.returncode, done.stdout) == (1, "")
    assert "in the base" in done.stderr


def test_the_base_is_never_checked_out(sonde, change, git, checkout):
    change({"stacks/dev.yaml": BIGGER})
    before = git("worktree", "list"), git("status", "--porcelain"), sorted(checkout.rglob("*"))
    items(sonde("describe", "affected", "--base", "main"))
    assert (git("worktree", "list"), git("status", "--porcelain"), sorted(checkout.rglob("*"))) == before


def test_another_checkout_can_be_the_base(sonde, change, git, checkout, tmp_path):
    change({"stacks/dev.yaml": BIGGER, "components/terraform/vpc/main.tf": ""})
    git("clone", "-q", "-b", "main", str(checkout), str(tmp_path / "other"))
    found = items(sonde("describe", "affected", "--repo-path", str(tmp_path / "other")))
    assert [each["affected_all"] for each in found] == [["component", "stack.vars"]]
    done = sonde("describe", "affected", "--repo-path", str(tmp_path / "other"), "--base", "main")
    assert done.returncode == 1
    assert "--repo-path" in done.stderr
    assert sonde("describe", "affected", "--repo-path", "/usr").returncode == 1


def test_a_cycle_of_dependencies_is_an_error_with_its_chain(sonde, change):
    change(
        {
            "stacks/dev.yaml": f"{DEV}    a:\n      vars: {{x: 1}}\n      dependencies: {{components: [{{component: b}}]}}\n"
            "    b:\n      dependencies: {components: [{component: a}]}\n"
        }
    )
    done = sonde("describe", "affected", "--base", "main", "--include-dependents")
    assert done.returncode == 1
    assert "→ b in dev" in done.stderr
    assert items(sonde("describe", "affected", "--base", "main"))


@pytest.mark.parametrize("flag", ["--query", "-q"])
def test_a_query_is_answered(sonde, change, flag):
    change({"stacks/dev.yaml": BIGGER})
    assert sonde("describe", "affected", "--base", "main", flag, ".[0].component").stdout == '"vpc"\n'


def test_a_matrix_goes_to_the_output_file(sonde, change, tmp_path):
    change({"stacks/dev.yaml": BIGGER})
    out = tmp_path / "out"
    done = sonde("describe", "affected", "--base", "main", "--format", "matrix", "--output-file", str(out))
    assert (done.returncode, done.stdout) == (0, "")
    name, _, matrix = out.read_text().splitlines()[0].partition("=")
    assert name == "matrix"
    assert json.loads(matrix)["include"][0]["component"] == "vpc"
    assert out.read_text().splitlines()[1] == "count=1"


def test_flags_that_do_not_fit_are_refused_before_anything_is_read(sonde):
    assert "invalid format" in sonde("describe", "affected", "--format", "xml").stderr
    assert "--output-file" in sonde("describe", "affected", "--output-file", "x").stderr
    assert "invalid error mode" in sonde("describe", "affected", "--error-mode", "zzz").stderr


# ---------------------------------------------------------------- upload


def test_an_upload_names_both_commits_and_what_is_affected(sonde, change, git, plane):
    head = change({"stacks/dev.yaml": f"{BIGGER}      settings: {{pro: {{enabled: true}}, other: 1}}\n"})
    done = sonde("describe", "affected", "--base", "main", "--upload")
    assert (done.returncode, done.stdout) == (0, "")
    assert "✓ Uploaded 1 affected component(s) to Atmos Pro" in done.stderr
    (request,) = plane.seen
    assert (request.method, request.path) == ("POST", "/api/v1/affected-stacks")
    assert (request.body["head_sha"], request.body["base_sha"]) == (head, git("rev-parse", "main"))
    (stack,) = request.body["stacks"]
    assert (stack["component"], stack["stack"], stack["settings"]) == ("vpc", "dev", {"pro": {"enabled": True}})
    assert stack["affected_all"] is None


def test_a_deprecated_flag_is_mentioned_where_the_answer_does_not_go(sonde):
    notice = "Flag --ref has been deprecated, use --base instead"
    shown = sonde("describe", "affected", "--ref", "main")
    assert (json.loads(shown.stdout), notice in shown.stderr) == ([], True)
    assert sonde("describe", "affected", "--ref", "main", "--upload").stdout == notice + "\n"


def test_nothing_affected_is_uploaded_too(sonde, plane):
    done = sonde("describe", "affected", "--base", "main", "--upload")
    assert "✓ Uploaded 0 affected" in done.stderr
    assert plane.seen[0].body["stacks"] == []


def test_an_upload_that_is_refused_fails_the_command(sonde, plane):
    plane.says((400, {"success": False, "errorMessage": "no"}))
    done = sonde("describe", "affected", "--base", "main", "--upload")
    assert (done.returncode, len(plane.seen)) == (1, 1)
    assert "✗ Failed to upload affected stacks" in done.stderr


def test_an_upload_that_another_shape_suppresses_is_said(sonde, plane):
    done = sonde("describe", "affected", "--base", "main", "--upload", "--query", "length")
    assert (done.returncode, done.stdout, plane.seen) == (0, "0\n", [])
    assert "nothing is uploaded" in done.stderr


# ---------------------------------------------------------------- the demo's repository


def test_the_demos_change_affects_two_components_and_a_dependent(sonde, tmp_path, git):
    root = tmp_path / "sample"
    change = sample.change()

    def write(files):
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)

    write(sample.files())
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "start"], ["checkout", "-qb", "x"]):
        git(*command, cwd=root)
    write(change.files)
    git("commit", "-qam", "grow", cwd=root)
    flags = ["--include-dependents", "--include-settings"]
    found = items(sonde("describe", "affected", "--base", "main", *flags, cwd=root))
    assert [(each["stack"], each["component"]) for each in found] == [("dev", "cluster"), ("dev", "database")]
    assert [[below["component"] for below in each["dependents"]] for each in found] == [["api"], []]
    workflows = found[0]["settings"]["pro"]["pull_request"]["opened"]["workflows"]
    assert [call["inputs"]["component"] for call in workflows.values()] == ["cluster"]


# ---------------------------------------------------------------- the table


def test_the_listing_names_both_sides_and_takes_a_pattern_of_stacks(sonde, change):
    change({"stacks/dev.yaml": BIGGER, "stacks/prod.yaml": BIGGER.replace("dev", "prod")})
    done = sonde("list", "affected", "--base", "main", "--stack", "p*")
    assert done.stdout == "enabled\tvpc\tprod\tterraform\tstack.metadata\t\n"
    assert "✓ Compared main...refs/heads/feature" in done.stderr


def test_the_listing_is_ordered_by_stack_and_component_unless_told_otherwise(sonde, change):
    prod = "vars:\n  stage: prod\ncomponents:\n  terraform:\n    app: {vars: {size: 1}}\n    vpc: {vars: {size: 1}}\n"
    change({"stacks/prod.yaml": prod, "stacks/dev.yaml": BIGGER})

    def listed(*argv):
        done = sonde("list", "affected", "--base", "main", "--format", "json", *argv)
        return [(row["Stack"], row["Component"]) for row in json.loads(done.stdout)]

    assert listed() == [("dev", "vpc"), ("prod", "app"), ("prod", "vpc")]
    assert listed("--sort", "Component:desc,Stack:desc") == [("prod", "vpc"), ("dev", "vpc"), ("prod", "app")]


def test_the_listing_has_the_fields_of_the_original_for_its_columns(sonde, change, checkout):
    files = {
        "stacks/dev.yaml": f"{DEV}    vpc:\n      metadata: {{locked: true}}\n      dependencies: {{folders: [src]}}\n",
        "src/x": "1",
    }
    change(files)
    change({"src/x": "2"})
    columns = ("status_text", "file", "folder", "affected_all", "dependents_count", "deleted", "stack_slug")
    argv = [f"--columns={name}={{{{ .{name} }}}}" for name in columns]
    done = sonde("list", "affected", "--base", "HEAD~1", "--format", "json", *argv)
    (row,) = json.loads(done.stdout)
    assert [row[name] for name in columns] == ["enabled", "", "src", "folder", "0", "false", "dev-vpc"]


def test_the_listing_shows_dependents_once(sonde, change):
    vpc = f"{BIGGER}    db:\n      vars: {{size: 1}}\n"
    app = "    app:\n      dependencies: {components: [{component: vpc}, {component: db}]}\n"
    change({"stacks/dev.yaml": vpc + app})
    change({"stacks/dev.yaml": vpc.replace("size: 1", "size: 3").replace("size: 2", "size: 3") + app})
    argv = ["--base", "HEAD~1", "--include-dependents", "--columns", "component", "--columns", "affected"]
    assert sonde("list", "affected", *argv).stdout == "db\tstack.vars\nvpc\tstack.vars\napp\tdependent\n"


# ---------------------------------------------------------------- CI


@pytest.fixture
def actions(checkout, tmp_path):
    """Environment of a GitHub Actions job for an event; atmos.yaml says `ci.enabled`."""

    def start(name, payload):
        with (checkout / "atmos.yaml").open("a") as config:
            config.write("ci: {enabled: true}\n")
        (tmp_path / "event.json").write_text(json.dumps(payload))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_SHA": "f" * 40,
        }

    return start


def test_in_a_pull_request_the_upload_is_about_its_head(sonde, change, git, plane, actions):
    change({"stacks/dev.yaml": BIGGER})
    git("update-ref", "refs/remotes/origin/main", "main")
    env = actions("pull_request", {"pull_request": {"head": {"sha": "1" * 40}, "base": {"ref": "main"}}})
    done = sonde("describe", "affected", "--upload", env=env)
    assert done.returncode == 0, done.stderr
    body = plane.seen[0].body
    assert (body["head_sha"], body["base_sha"], len(body["stacks"])) == ("1" * 40, git("rev-parse", "main"), 1)


def test_a_push_uploads_nothing_and_an_explicit_base_overrules_the_event(sonde, change, git, plane, actions):
    head = change({"stacks/dev.yaml": BIGGER})
    env = actions("push", {"before": git("rev-parse", "main")})
    done = sonde("describe", "affected", "--upload", env=env)
    assert (done.returncode, plane.seen) == (1, [])
    assert 'detected CI event "push"' in " ".join(done.stderr.split())
    assert sonde("describe", "affected", "--upload", "--base", "main", env=env).returncode == 0
    assert plane.seen[0].body["head_sha"] == head


def test_a_password_on_the_command_line_is_refused(sonde):
    done = sonde("describe", "affected", "--base", "main", "--ssh-key", "k", "--ssh-key-password", "p")
    assert done.returncode == 1
    assert "ssh-add" in done.stderr


@pytest.mark.parametrize(
    ("where", "env", "path"),
    [
        ([], {}, "components/terraform/vpc"),
        (["-C", "stacks"], {}, "{root}/components/terraform/vpc"),
        (["-C", "stacks"], {"ATMOS_BASE_PATH": ".."}, "../components/terraform/vpc"),
        (["--base-path", "{root}"], {}, "{root}/components/terraform/vpc"),
    ],
)
def test_a_components_folder_is_told_by_the_base_path_as_it_was_given(sonde, change, checkout, where, env, path):
    change({"stacks/dev.yaml": BIGGER})
    argv = [word.format(root=checkout) for word in where]
    (item,) = items(sonde("describe", "affected", "--base", "main", *argv, env=env))
    assert item["component_path"] == path.format(root=checkout)


def test_of_several_flags_that_name_the_base_sha_counts_then_base(sonde, change):
    change({"stacks/dev.yaml": BIGGER})
    for argv, found in ((["--base", "HEAD", "--sha", "main"], 1), (["--ref", "main", "--base", "HEAD"], 0)):
        assert len(items(sonde("describe", "affected", *argv))) == found


def test_a_reference_that_cannot_be_fetched_is_told_in_gits_words(sonde, change, git, tmp_path):
    change({"stacks/dev.yaml": BIGGER})
    git("remote", "set-url", "origin", "http://user:hush@127.0.0.1:1/acme/infra.git")
    done = sonde("describe", "affected", "--base", "main", "--clone-target-ref")
    assert done.returncode == 1
    assert "main cannot be fetched from origin" in done.stderr
    assert "127.0.0.1" in done.stderr
    assert "hush" not in done.stderr


def test_what_is_uploaded_is_shown_as_yaml_in_the_order_of_the_answer(sonde, change, plane):
    change({"stacks/dev.yaml": BIGGER})
    done = sonde("describe", "affected", "--base", "main", "--upload", "--verbose", "--format", "yaml")
    names = [line.strip(" -").partition(":")[0] for line in done.stdout.splitlines() if line[:2] in ("- ", "  ")]
    assert names[:7] == [
        *("component", "component_type", "component_path", "stack", "stack_slug"),
        *("affected", "affected_all"),
    ]
    assert len(plane.seen) == 1
