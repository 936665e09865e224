"""Promises of `POST /api/v1/sts`, over HTTP against the offline GitHub, on both databases."""

import json
from datetime import UTC, datetime
from importlib import resources
from time import process_time

import httpx2
import jsonschema
import pytest
from world import WORKSPACE

from sonde.server.sts.decide import denied, matches, parse
from sonde.server.sts.model import Invalid, Policy
from sonde.server.workspaces import store as workspaces
from sonde.server.workspaces.model import Repository

PATH = ".atmos/pro/sts/default.yaml"
ALLOW = "allow: [acme/infra]\n"
READ = {"contents": "read", "metadata": "read"}


def link(world, full_name, files=None, policy=ALLOW, path=PATH, installation=None):
    """A private repository of the workspace with the App installed and a trust policy on its default branch."""
    owner, name = full_name.split("/")
    made = world.github.create_repository(
        full_name, {"main.tf": "module", **(files or {}), **({path: policy} if policy else {})}
    )
    account = world.github.records.accounts[owner]
    number = installation or world.installation.id
    with world.db.write("admin.change") as tx:
        workspaces.put_repository(
            tx, Repository(f"repo_{made.id}", WORKSPACE, made.id, account.id, owner, name, number)
        )
    return made


@pytest.fixture
def token(world):
    return session(world)


@pytest.fixture(scope="module")
def shared_token(shared_world):
    return session(shared_world)


def session(world):
    world.open_pull_request()
    return world.session(world.run_of("pull_request").run_id)


def ask(world, token, *sources, **more):
    body = {**({"sources": list(sources)} if sources else {}), "policyName": "default", **more}
    return world.server.request("POST", "/api/v1/sts", body=body, token=token)


def reasons(answer):
    assert answer.status == 200, answer.body
    return {item["repo"]: item["reason"] for item in answer.data["excluded"]}


def reads(world, token, full_name, path="main.tf"):
    """What GitHub answers to somebody who reads with a token."""
    import ssl

    with httpx2.Client(verify=ssl.create_default_context(cafile=str(world.sandbox.ca_file)), trust_env=False) as http:
        url = f"{world.sandbox.api_url}/repos/{full_name}/contents/{path}"
        headers = {"Authorization": f"Bearer {token}"}
        write = http.put(url, headers=headers, json={"message": "x", "content": "eA==", "sha": "0" * 40})
        return http.get(url, headers=headers).status_code, write.status_code


def test_a_source_that_trusts_the_job_gives_a_token_that_reads_it_and_nothing_else(world, token):
    link(world, "acme/modules")
    link(world, "acme/secrets", policy=None)
    answer = ask(world, token, "acme/modules")
    (got,) = answer.data["tokens"]
    assert answer.data["excluded"] == []
    assert (got["owner"], got["repositories"], got["permissions"]) == ("acme", ["acme/modules"], READ)
    assert got["host"] == world.sandbox.api_url.removeprefix("https://").removesuffix("/api/v3")
    assert datetime.fromisoformat(got["expiresAt"]) > datetime.now(UTC)
    assert reads(world, got["token"], "acme/modules") == (200, 403)
    assert reads(world, got["token"], "acme/secrets")[0] == 404
    assert reads(world, got["token"], "acme/infra", "README.md")[0] == 404


def test_sources_of_one_installation_and_permission_set_share_a_token(world, token):
    link(world, "acme/one")
    link(world, "acme/two")
    link(world, "acme/three", policy="allow: [acme/infra]\npermissions: {metadata: read}\n")
    found = ask(world, token, "acme/one", "acme/two", "acme/three", "ACME/One").data["tokens"]
    assert sorted((item["repositories"], item["permissions"]) for item in found) == [
        (["acme/one", "acme/two"], READ),
        (["acme/three"], {"metadata": "read"}),
    ]


def test_each_installation_has_a_token_of_its_own(world, token):
    world.github.create_repository("other/seed", {"a": "1"})
    installation = world.github.install("other")
    link(world, "other/modules", installation=installation.id)
    link(world, "acme/modules")
    found = ask(world, token, "acme/modules", "other/modules").data["tokens"]
    assert sorted(item["owner"] for item in found) == ["acme", "other"]


def test_each_source_without_a_token_has_its_reason(world, token):
    link(world, "acme/silent", policy=None)
    link(world, "acme/denies", policy="allow: [acme/other]\n")
    link(world, "acme/broken", policy="allow: [acme/infra\n")
    link(world, "acme/greedy", policy="allow: [acme/infra]\npermissions: {contents: write}\n")
    world.github.create_repository("acme/unlinked", {PATH: ALLOW})
    answer = ask(world, token, "acme/silent", "acme/denies", "acme/broken", "acme/greedy", "acme/unlinked", "who/knows")
    assert reasons(answer) == {
        "acme/silent": "no_trust_policy",
        "acme/denies": "trust_policy_denied",
        "acme/broken": "trust_policy_invalid",
        "acme/greedy": "trust_policy_invalid",
        "acme/unlinked": "not_installed_in_workspace",
        "who/knows": "not_installed_in_workspace",
    }
    assert answer.data["tokens"] == []


def test_an_installation_that_is_suspended_or_gone_is_told_apart(world, token):
    link(world, "acme/modules")
    world.github.suspend("acme")
    assert reasons(ask(world, token, "acme/modules")) == {"acme/modules": "installation_suspended"}
    world.github.unsuspend("acme")
    world.github.uninstall("acme")
    assert reasons(ask(world, token, "acme/modules")) == {"acme/modules": "not_installed_in_workspace"}


def test_a_repository_that_took_over_a_name_gets_nothing_of_the_one_that_had_it(world, token):
    old = link(world, "acme/modules", policy=None)
    world.github.rename(old, "acme/modules-old")
    world.github.create_repository("acme/modules", {PATH: ALLOW})
    answer = ask(world, token, "acme/modules")
    assert (answer.data["tokens"], reasons(answer)) == ([], {"acme/modules": "not_installed_in_workspace"})


def test_only_the_policy_of_the_default_branch_counts(world, token):
    made = link(world, "acme/modules", policy=None)
    world.github.commit(made, "sneaky", {PATH: ALLOW}, author="octo-dev")
    assert reasons(ask(world, token, "acme/modules")) == {"acme/modules": "no_trust_policy"}


def test_another_policy_is_asked_for_by_name(world, token):
    link(world, "acme/modules", path=".atmos/pro/sts/ci-2.yaml")
    assert reasons(ask(world, token, "acme/modules")) == {"acme/modules": "no_trust_policy"}
    assert len(ask(world, token, "acme/modules", policyName="ci-2").data["tokens"]) == 1


def test_without_sources_every_repository_of_the_workspace_that_trusts_the_job_is_in(world, token):
    link(world, "acme/modules")
    link(world, "acme/silent", policy=None)
    link(world, "acme/denies", policy="allow: [acme/other]\n")
    answer = ask(world, token)
    assert [item["repositories"] for item in answer.data["tokens"]] == [["acme/modules"]]
    assert reasons(answer) == {"acme/denies": "trust_policy_denied"}


def test_a_job_is_known_by_its_subject_and_claims(world, token):
    policy = (
        f"issuer: {world.sandbox.issuer_url}\nsubject_pattern: 'repo:acme/infra:*'\naudience: atmos-pro.com\n"
        "claim_pattern: {workflow_ref: 'acme/infra/.github/workflows/*', event_name: pull_request}\n"
    )
    link(world, "acme/modules", policy=policy)
    link(world, "acme/main-only", policy=policy.replace("infra:*", "infra:ref:refs/heads/main"))
    link(world, "acme/elsewhere", policy=policy.replace(world.sandbox.issuer_url, "https://issuer.example"))
    answer = ask(world, token, "acme/modules", "acme/main-only", "acme/elsewhere")
    assert [item["repositories"] for item in answer.data["tokens"]] == [["acme/modules"]]
    assert set(reasons(answer).values()) == {"trust_policy_denied"}


def test_a_static_token_is_no_session_of_actions(world, token):
    answer = ask(world, world.static_token(), "acme/modules")
    assert (answer.status, "not a GitHub Actions session" in answer.body["errorMessage"]) == (400, True)


@pytest.mark.parametrize("name", ["", "../default", "Default", "a/b", "a.b", "a" * 65, "a\n"])
def test_the_name_of_a_policy_is_no_path(shared_world, shared_token, name):
    assert ask(shared_world, shared_token, "acme/modules", policyName=name).status == 400


@pytest.mark.parametrize("source", ["", "acme", "acme/a/b", "acme/..%2f", "acme/a?x", "/modules"])
def test_a_source_is_owner_and_repository(shared_world, shared_token, source):
    assert ask(shared_world, shared_token, source).status == 400


def test_a_rate_limit_is_503(world, token):
    link(world, "acme/modules")
    world.sandbox.faults.limit_next("GET", "*/contents/*", retry_after=1)
    assert ask(world, token, "acme/modules").status == 503


def test_no_token_is_logged_or_stored(world, token, capfd):
    link(world, "acme/modules")
    (got,) = ask(world, token, "acme/modules").data["tokens"]
    logged = capfd.readouterr()
    assert "sts.minted" in logged.out + logged.err
    assert got["token"] not in logged.out + logged.err


SUBJECT = "issuer: https://i.example\nsubject: repo:acme/infra:pull_request\n"
PATTERN = "issuer: https://i.example\nsubject_pattern: 'repo:acme/*'\n"
VALID = {
    "allow": ALLOW,
    "a schema": "$schema: ./schema.json\nallow: [acme/infra, acme/other]\n",
    "subject": SUBJECT,
    "subject pattern": PATTERN,
    "claims": PATTERN + "claim_pattern: {ref: 'refs/heads/*', environment: prod}\n",
    "less": ALLOW + "permissions: {contents: read}\n",
    "all": PATTERN + "audience: a\npermissions: {contents: read, metadata: read}\n",
    "allow of an issuer": ALLOW + "issuer: https://i.example\n",
}
INVALID = {
    "nothing": "",
    "a list": "- allow\n",
    "nobody": "permissions: {contents: read}\n",
    "claims alone": "claim_pattern: {ref: '*'}\n",
    "an unknown key": ALLOW + "subjet: x\n",
    "allow and subject": SUBJECT + ALLOW,
    "subject and pattern": SUBJECT + "subject_pattern: 'repo:acme/*'\n",
    "no issuer": "subject: repo:acme/infra:pull_request\n",
    "everybody": "issuer: https://i.example\nsubject_pattern: '*'\n",
    "every owner": "issuer: https://i.example\nsubject_pattern: 'repo:*/infra:*'\n",
    "owners that begin so": "issuer: https://i.example\nsubject_pattern: 'repo:acme*'\n",
    "a star in a subject": "issuer: https://i.example\nsubject: 'repo:acme/*'\n",
    "allow with a star": "allow: ['acme/*']\n",
    "allow without an owner": "allow: [infra]\n",
    "allow of nothing": "allow: []\n",
    "allow as text": "allow: acme/infra\n",
    "write": ALLOW + "permissions: {contents: write}\n",
    "another area": ALLOW + "permissions: {contents: read, actions: read}\n",
    "no permissions": ALLOW + "permissions: {}\n",
    "a claim that is a list": ALLOW + "claim_pattern: {ref: [a, b]}\n",
    "an empty issuer": "issuer: ''\nsubject: a\n",
}
UNREADABLE = {
    "a key twice": ALLOW + ALLOW,
    "a claim twice": ALLOW + "claim_pattern:\n  ref: a\n  ref: b\n",
    "broken": "allow: [\n",
    "a tag": "!!python/object/apply:os.system [id]\n",
    "a merge": "<<: {allow: [acme/infra]}\n",
    "two documents": "allow: [a/b]\n---\nallow: [a/b]\n",
    "deep": "[" * 5000,
    "an anchor to itself": "&a [*a]\n",
    "huge": "#" * 70_000,
    "a NUL": "allow: [a/b]\x00",
}


def schema_takes(text):
    import yaml

    schema = json.loads((resources.files("sonde.server.sts") / "schema.json").read_text())
    return jsonschema.Draft7Validator(schema).is_valid(yaml.safe_load(text))


def test_the_schema_is_served_to_editors_without_a_sign_in(world):
    answer = world.server.request("GET", "/static/sts-policy.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/schema+json")
    assert answer.body == json.loads((resources.files("sonde.server.sts") / "schema.json").read_text())


@pytest.mark.parametrize("text", VALID.values(), ids=VALID)
def test_a_valid_policy_is_one_for_the_reader_and_the_published_schema(text):
    assert isinstance(parse(text), Policy)
    assert schema_takes(text)


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID)
def test_what_the_reader_refuses_the_published_schema_refuses(text):
    assert isinstance(parse(text), Invalid)
    assert not schema_takes(text)


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_for_sure_is_invalid(text):
    assert isinstance(parse(text), Invalid)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("a", "a", True), ("a", "ab", False), ("a", "ba", False), ("*", "", True), ("a*", "a", True), ("a*a", "a", False),
        ("a*a", "aa", True), ("a*b*c", "a-b-b-c", True), ("a*b*c", "a-c-b", False), ("*b*", "abc", True), ("a**c", "abc", True),
        ("a.c", "abc", False), ("[ab]", "a", False), ("a?", "ab", False), ("refs/heads/*", "refs/heads/x/y", True),
        ("a*bc*c", "abc", False), ("A", "a", False), ("a", "a\n", False),
    ],
)  # fmt: skip
def test_a_star_stands_for_any_text_and_the_whole_must_fit(pattern, text, fits):
    assert matches(pattern, text) is fits


def test_no_pattern_takes_long():
    started = process_time()
    assert not matches("*a" * 5_000 + "b", "a" * 50_000)
    assert process_time() - started < 30  # hours where each star tries every place


def test_a_claim_that_is_not_there_meets_no_pattern():
    policy = parse(ALLOW + "claim_pattern: {environment: '*'}\n")
    assert denied(policy, {"repository": "acme/infra"}) == "claim_pattern.environment"
    assert denied(policy, {"repository": "ACME/infra", "environment": "prod"}) == ""
    assert denied(policy, {"repository": "acme/infra-evil", "environment": "prod"}) == "allow"
