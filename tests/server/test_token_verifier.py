"""The strict verifier: Wycheproof's vectors, mutations of a valid token, and claims that are missing or wrong."""

import base64
import contextlib
import json
import os
from collections import Counter
from pathlib import Path

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.sandbox import keys, oidc
from sonde.server.auth import jws
from sonde.server.auth.jws import TokenRefusedError
from sonde.server.auth.verify import verify

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("SONDE_CONFORMANCE_DIR") or ROOT.parent / "shared" / "conformance") / "jose"
NOW = 1_800_000_000
ISSUER = "https://token.actions.githubusercontent.com"
CLAIMS = {
    "jti": "one",
    "sub": "repo:acme/infra:pull_request",
    "aud": "atmos-pro.com",
    "iss": ISSUER,
    "iat": NOW,
    "nbf": NOW - 600,
    "exp": NOW + 300,
    "repository": "acme/infra",
    "repository_id": "11",
    "repository_owner_id": "22",
}


def vectors(name):
    file = CORPUS / name
    if not file.exists():
        pytest.skip(f"no corpus at {file}: set SONDE_CONFORMANCE_DIR")
    for group in json.loads(file.read_text())["testGroups"]:
        key = group.get("public") or group["private"]
        for test in group["tests"]:
            yield key, test


def accepts(entries, compact):
    """Whether a token is judged good with these keys: the verifier's own two steps, without claims."""
    try:
        token = jws.parse(compact)
        found = jws.rsa_keys(entries)
        if token.kid not in found:
            return False
        jws.check(token, found[token.kid])
    except TokenRefusedError:
        return False
    return True


def test_every_wycheproof_signature_is_judged_as_its_file_says(record_property):
    judged = Counter()
    for key, test in vectors("json_web_signature_test.json"):
        ours = key.get("alg", "RS256") == "RS256" and key["kty"] == "RSA"
        expected = ours and test["result"] == "valid"  # of every other algorithm none is accepted
        assert accepts([key], test["jws"]) is expected, test
        judged["RS256" if ours else "other algorithms", "accepted" if expected else "refused"] += 1
    record_property("vectors", str(judged))
    assert judged == {
        ("RS256", "accepted"): 8,
        ("RS256", "refused"): 227,
        ("other algorithms", "refused"): 166,
    }, judged


def test_every_wycheproof_key_set_is_judged_as_its_file_says():
    judged = Counter()
    for key, test in vectors("json_web_key_test.json"):
        entries = key["keys"]
        expected = test["result"] == "valid" and all(entry.get("alg") == "RS256" for entry in entries)
        assert accepts(entries, test["jws"]) is expected, test
        judged[expected] += 1
    assert judged == {True: 1, False: 25}


@pytest.fixture(scope="module")
def key():
    return keys.new_rsa_key()


@pytest.fixture(scope="module")
def check(key):
    """Verify a token as the server does, at NOW, with the issuer's one key."""
    known = jws.rsa_keys([oidc.jwk(key)])

    def key_of(issuer, kid):
        del issuer
        if kid not in known:
            raise TokenRefusedError("no such key")
        return known[kid]

    def run(token, issuers=(ISSUER,), now=NOW):
        return verify(token, issuers=issuers, audiences=("atmos-pro.com",), key_of=key_of, now=now * 1000)

    return run


def signed(key, claims=None, *, without=()):
    facts = {name: value for name, value in (CLAIMS | (claims or {})).items() if name not in without}
    return jwt.encode(facts, key, algorithm="RS256", headers={"kid": keys.key_id(key)})


def refused(check, token, **more):
    with pytest.raises(TokenRefusedError) as caught:
        check(token, **more)
    return str(caught.value)


def test_a_valid_token_gives_its_claims(check, key):
    claims = check(signed(key))
    assert (claims.repository_id, claims.owner_id, claims.jti, claims.expires_at) == (11, 22, "one", (NOW + 300) * 1000)


def test_a_token_with_one_bit_flipped_anywhere_is_refused(check, key):
    token = signed(key)
    for place in range(len(token)):
        for bit in range(7):
            changed = chr(ord(token[place]) ^ (1 << bit))
            refused(check, token[:place] + changed + token[place + 1 :])


def test_a_token_with_one_character_more_or_less_is_refused(check, key):
    token = signed(key)
    for place in range(len(token)):
        refused(check, token[:place] + token[place + 1 :])
        for more in "A.=é":
            refused(check, token[:place] + more + token[place:])


@given(place=st.floats(0, 1, exclude_max=True), other=st.characters(), length=st.integers(0, 3))
def test_a_token_with_other_characters_anywhere_is_refused(check, key, place, other, length):
    token = signed(key)
    at = int(place * len(token))
    changed = token[:at] + other * length + token[at + 1 :]
    if changed != token:
        refused(check, changed)


@given(st.text(max_size=200))
def test_text_that_is_no_token_is_refused_and_nothing_else_happens(check, text):
    refused(check, text)


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2)


@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)), ANYTHING))
def test_whatever_a_signed_claim_holds_the_token_is_taken_or_refused(check, key, claims):
    with contextlib.suppress(TokenRefusedError):
        assert check(by_hand(key, claims)).raw["jti"]


@pytest.mark.parametrize("name", ["jti", "aud", "iss", "iat", "exp", "repository_id", "repository_owner_id"])
def test_a_token_without_a_claim_that_binds_it_is_refused(check, key, name):
    refused(check, signed(key, without=(name,)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"repository_id": 11},
        {"repository_id": "1" * 19},
        {"repository_id": "-1"},
        {"repository_owner_id": "²"},
        {"jti": ""},
        {"jti": "a\x00b"},
        {"jti": "\ud800"},
        {"aud": ["atmos-pro.com", "elsewhere"]},
        {"aud": []},
        {"exp": NOW + 300.5},
        {"exp": True},
        {"exp": 10**30},
        {"exp": NOW - 31, "iat": NOW - 300},
        {"iat": NOW + 31, "exp": NOW + 300},
        {"nbf": NOW + 31},
        {"exp": NOW + 3601},
    ],
    ids=str,
)
def test_a_claim_that_is_not_what_it_must_be_is_refused(check, key, wrong):
    refused(check, by_hand(key, wrong))


def by_hand(key, claims, header=None):
    """A token signed without a library's opinion of its claims."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    parts = [{"alg": "RS256", "typ": "JWT", "kid": keys.key_id(key)} | (header or {}), CLAIMS | claims]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    signature = key.sign(text.encode(), PKCS1v15(), SHA256())
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "RSA"}},
        {"x5u": "https://evil.example"},
        {"x5c": ["AA"]},
        {"crit": ["exp"]},
        {"b64": True},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"typ": "JWE"},
        {"kid": ""},
        {"kid": "another"},
    ],
    ids=str,
)
def test_a_header_that_says_more_than_it_may_is_refused(check, key, header):
    refused(check, by_hand(key, {}, header))


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_an_algorithm_that_needs_no_private_key_is_refused(check, key, algorithm):
    secret = None if algorithm == "none" else oidc.jwk(key)["n"]
    token = jwt.encode(CLAIMS, secret, algorithm=algorithm, headers={"kid": keys.key_id(key)})
    assert "algorithm" in refused(check, token)


@pytest.mark.parametrize(
    "subject",
    [
        "repo:acme/infra:ref:refs/heads/main",
        "repo:acme/infra:environment:prod",
        "repo:acme@22/infra@11:pull_request",
        "repository_id:11:ref:refs/heads/main",
    ],
)
def test_both_formats_of_sub_are_taken_because_it_carries_no_authority(check, key, subject):
    assert check(signed(key, {"sub": subject})).repository_id == 11


def test_the_issuer_of_an_enterprise_server_is_taken_where_it_is_listed(check, key):
    issuer = "https://ghes.example/_services/token"
    token = signed(key, {"iss": issuer})
    assert "SONDE_OIDC_ISSUERS" in refused(check, token)
    assert check(token, issuers=(ISSUER, issuer)).issuer == issuer


@pytest.mark.parametrize("other", [f"{ISSUER}.evil.example", "https://evil.example/", f"{ISSUER}/x", ISSUER.upper()])
def test_an_issuer_that_only_looks_like_a_listed_one_is_refused(check, key, other):
    assert "issuer" in refused(check, signed(key, {"iss": other}))


def test_what_we_accept_another_library_accepts_too(check, key):
    token = signed(key)
    options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    theirs = jwt.decode(token, key.public_key(), algorithms=["RS256"], audience="atmos-pro.com", options=options)
    assert theirs == dict(check(token).raw)
