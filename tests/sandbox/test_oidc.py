"""The OIDC issuer: what a job gets is what GitHub gives, signed with a key that the issuer publishes."""

import jwt
import pytest

from sonde.sandbox import keys, oidc
from sonde.sandbox.oidc import claims

# Claims of a real exchange as a recorded client sent it (conformance corpus, wire/recordings/lock-ok-oidc)
RECORDED = {
    "jti",
    "sub",
    "aud",
    "ref",
    "sha",
    "repository",
    "repository_owner",
    "repository_owner_id",
    "run_id",
    "run_number",
    "run_attempt",
    "repository_visibility",
    "repository_id",
    "actor_id",
    "actor",
    "workflow",
    "head_ref",
    "base_ref",
    "event_name",
    "ref_protected",
    "ref_type",
    "workflow_ref",
    "workflow_sha",
    "job_workflow_ref",
    "job_workflow_sha",
    "runner_environment",
    "check_run_id",
    "iss",
    "nbf",
    "iat",
    "exp",
}


@pytest.fixture
def job(github, pull):
    """The started job of the pull request's run, and its grant."""
    run_id = next(iter(github.executor.requests))
    facts = github.executor.begin(run_id)
    return facts, github.executor.requests[run_id].oidc(facts)


def mint(client, grant, audience="atmos-pro.com", token=None):
    headers = {"Authorization": f"Bearer {token or grant.token}"}
    return client.http.get(f"{grant.url}&audience={audience}", headers=headers)


def verified(client, github, value, audience="atmos-pro.com"):
    """As any relying party does it: discovery, JWKS, signature, issuer, audience."""
    document = client.http.get(f"{github.issuer_url}/.well-known/openid-configuration").json()
    keys = jwt.PyJWKSet.from_dict(client.http.get(document["jwks_uri"]).json())
    key = keys[jwt.get_unverified_header(value)["kid"]]
    assert document["issuer"] == github.issuer_url
    options = {"verify_iat": False, "verify_exp": False, "verify_nbf": False}  # the test's clock is not the real one
    return jwt.decode(value, key, algorithms=["RS256"], audience=audience, issuer=github.issuer_url, options=options)


def test_a_job_gets_a_token_that_its_issuer_vouches_for(github, client, job):
    answer = mint(client, job[1]).json()
    token = verified(client, github, answer["value"])
    assert set(token) == RECORDED
    assert (token["exp"] - token["iat"], token["iat"] - token["nbf"]) == (300, 600)
    assert all(isinstance(token[name], str) for name in token if name not in ("exp", "iat", "nbf"))


def test_the_claims_name_the_run_and_the_pull_request(github, client, job, pull):
    token = verified(client, github, mint(client, job[1]).json()["value"])
    of, (run,) = github.world.repository("acme/infra"), github.world.records.runs.values()
    assert token["sub"] == "repo:acme/infra:pull_request"
    assert (token["repository_id"], token["run_id"]) == (str(of.id), str(run.id))
    assert (token["repository_owner_id"], token["actor"]) == (str(github.world.account("acme").id), "octo-dev")
    assert (token["ref"], token["sha"]) == ("refs/pull/1/merge", pull.merge_commit_sha)
    assert (token["head_ref"], token["base_ref"], token["event_name"]) == ("feature", "main", "pull_request")
    assert token["job_workflow_ref"] == "acme/infra/.github/workflows/affected.yaml@refs/pull/1/merge"
    assert token["check_run_id"] == str(job[0].check_run_id)


def test_each_token_is_another(github, client, job):
    first, second = (verified(client, github, mint(client, job[1]).json()["value"]) for _ in range(2))
    assert first["jti"] != second["jti"]


def test_the_audience_is_the_callers_or_the_owners_page(github, client, job):
    verified(client, github, mint(client, job[1], audience="sonde.example").json()["value"], "sonde.example")
    plain = client.http.get(job[1].url, headers={"Authorization": f"Bearer {job[1].token}"}).json()["value"]
    verified(client, github, plain, f"{github.world.html_url}/acme")


def test_only_the_jobs_own_request_token_mints(github, client, job):
    assert mint(client, job[1], token="somebody-elses").status_code == 401
    other = job[1].url.replace(str(job[0].check_run_id), "1")
    assert client.http.get(f"{other}&audience=x", headers={"Authorization": job[1].token}).status_code == 401


def test_the_request_token_dies_with_the_job(github, client, job):
    github.executor.complete(next(iter(github.executor.requests)))
    assert mint(client, job[1]).status_code == 401


@pytest.mark.parametrize(
    ("event", "ref", "environment", "immutable", "subject"),
    [
        ("pull_request", "refs/pull/1/merge", None, False, "repo:acme/infra:pull_request"),
        ("workflow_dispatch", "refs/heads/main", None, False, "repo:acme/infra:ref:refs/heads/main"),
        ("pull_request_target", "refs/heads/main", None, False, "repo:acme/infra:ref:refs/heads/main"),
        ("workflow_dispatch", "refs/heads/main", "prod:us", False, "repo:acme/infra:environment:prod%3Aus"),
        ("push", "refs/heads/main", None, True, "repo:acme@{owner}/infra@{id}:ref:refs/heads/main"),
        ("pull_request", "refs/pull/1/merge", "dev", True, "repo:acme@{owner}/infra@{id}:environment:dev"),
    ],
)
def test_the_subject_in_both_formats(world, infra, event, ref, environment, immutable, subject):
    run = world.dispatch(infra, "plan.yaml", "main", {"component": "vpc"}, actor=world.bot)
    job = world.records.jobs[world.executor.begin(run.id).check_run_id]
    run.event, run.ref, job.environment, infra.immutable_subject = event, ref, environment, immutable
    facts = claims(world, run, job, "x")
    assert facts["sub"] == subject.format(owner=world.account("acme").id, id=infra.id)
    assert facts.get("environment") == environment


def test_a_rotated_key_is_published_beside_the_old_one(github, client, job, monkeypatch):
    monkeypatch.setattr(
        oidc, "new_rsa_key", keys.new_rsa_key
    )  # of those that tests share, this issuer may have one already
    before = mint(client, job[1]).json()["value"]
    github.issuer.rotate()
    after = mint(client, job[1]).json()["value"]
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    for value in (before, after):
        verified(client, github, value)
    github.issuer.rotate(keep_old=False)
    with pytest.raises(KeyError):
        verified(client, github, before)
