"""The contract that the Go client's own tests wrote holds for our server, on both databases, without the internet."""

import json
from pathlib import Path

import pytest
from contract import STATE, Provider, door

PACT = Path(__file__).resolve().parents[1] / "data" / "pact" / "atmos-AtmosPro.pact.json"
INTERACTIONS = [one["description"] for one in json.loads(PACT.read_text())["interactions"]]


@pytest.fixture
def provider(tmp_path, database_url, monkeypatch):
    monkeypatch.setenv("PACT_DO_NOT_TRACK", "true")
    made = Provider(tmp_path, database_url)
    yield made
    made.close()


def verified(provider, **more):
    """Whether each interaction of the contract passed, by its description."""
    from pact import Verifier

    with door(provider, **more) as address:
        verifier = Verifier("AtmosPro", "127.0.0.1").add_transport(url=address).add_source(PACT)
        verifier.state_handler(f"{address}{STATE}", body=True)  # the one that pact starts leaves its socket open
        try:
            verifier.verify()
        except RuntimeError:
            assert not verifier.results["result"]
    print(verifier.output(strip_ansi=True))
    return {one["description"]: one["result"] for one in verifier.results["interactionResults"]}


def test_every_interaction_of_the_contract_passes(provider):
    assert len(INTERACTIONS) == 8
    assert verified(provider) == dict.fromkeys(INTERACTIONS, "OK")


def created(path, answer):
    return (201, *answer[1:]) if path.endswith("/locks") else answer


def later(_path, answer):
    """Times with a fraction of a second."""
    body = json.loads(answer[2])
    if "expiresAt" in body.get("data", {}):
        body["data"]["expiresAt"] = body["data"]["expiresAt"].replace("Z", ".5Z")
    return (*answer[:2], json.dumps(body).encode())


def bare(path, answer):
    return (*answer[:2], b'{"success": true, "data": {}}') if path.endswith(("commit", "oidc")) else answer


@pytest.mark.parametrize(
    ("spoil", "failing"),
    [(created, {"a request to lock a stack", "a request to unlock a stack"}), (later, {"a request to lock a stack"})],
)
def test_an_answer_that_breaks_the_contract_is_found(provider, spoil, failing):
    found = verified(provider, spoil=spoil)
    assert {name for name, result in found.items() if result != "OK"} == failing


def test_an_answer_without_its_data_is_found(provider):
    found = verified(provider, spoil=bare)
    assert {name.split(" via ")[0] for name, result in found.items() if result != "OK"} == {
        "a request to create a commit",
        "a request to exchange a GitHub OIDC token for an Atmos Pro token",
    }
