"""Every request that a real client was seen to send gets an answer that it takes as it is meant (protocol.md §3)."""

import os
from collections import Counter

import pytest
from replay import distinct

from sonde.wire.accepts import Call

# What is refused, and rightly: (recording, call) -> status.
REFUSED = {
    ("config-env-beats-atmos-yaml", "lock"): 404,  # endpoint api/v2
    ("config-from-atmos-yaml", "lock"): 404,  # endpoint api/v9
    ("sts-login-spec-overrides", "exchange"): 404,  # endpoint api/v3
    ("sts-login-spec-overrides", "sts"): 404,
    ("lock-no-git-remote", "lock"): 403,  # key //stack/component
    ("lock-remote-generic-nested", "lock"): 403,  # acme/platform/infra-live is linked nowhere
    ("lock-remote-gitlab-nested", "lock"): 403,
    ("lock-remote-ghes", "lock"): 403,  # neither is Platform/Infra_Live
    ("lock-ttl-max", "lock"): 400,
    ("lock-ttl-negative", "lock"): 400,
    ("status-plan-nested-group-remote", "status"): 403,
    ("status-plan-no-remote", "status"): 404,  # repos///instances
    ("commit-head-ref-dotdot", "commit"): 403,  # not the branch of the pull request
    ("oidc-mint-empty-value", "exchange"): 401,  # an empty token
    ("oidc-mint-empty-value", "lock"): 401,  # and so no session
    ("sts-login-cached-expired-github-token", "sts"): 401,  # a session of a conversation that is not recorded
    # the recorded answer to the exchange had no token where the client looks, so it went on with an empty one
    ("oidc-exchange-200-data-null", "lock"): 401,
    ("oidc-exchange-200-flat-token", "lock"): 401,
    ("oidc-exchange-200-no-data", "lock"): 401,
    ("oidc-exchange-307", "lock"): 401,
}


def expected(outcome):
    """The status that an outcome must have."""
    if (outcome.recording, outcome.call) in REFUSED:
        return REFUSED[outcome.recording, outcome.call]
    if outcome.call == Call.COMMIT and outcome.credential == "static":
        return 403  # a static token proves no pull request
    if outcome.call == Call.INSTANCES and outcome.credential == "session":
        return 403  # the recorded jobs are those of a pull request, whose inventory is not that of the default branch
    return 200


def wanted(recordings):
    """All of them where a long run is asked for; else each conversation once, however it was answered when recorded."""
    return recordings if os.environ.get("SONDE_TEST_LONG") else distinct(recordings)


@pytest.mark.parametrize("by", ["as recorded", "by a job"])
def test_each_recorded_request_gets_an_answer_that_its_client_takes_as_it_is_meant(place, recordings, claims, by):
    bearer = place.exchange(claims) if by == "by a job" else None
    chosen = [one for one in wanted(recordings) if bearer is None or "static-token" in str(one["requests"])]
    outcomes = [outcome for one in chosen for outcome in place.replay(one, bearer)]
    asked = [outcome for outcome in outcomes if not outcome.skipped]
    assert [one for one in asked if one.objections] == []
    assert [one for one in asked if one.status != expected(one)] == []
    counts = Counter(one.call for one in asked if one.status == 200)
    print("\n".join(f"{by}, {call}: {count}" for call, count in sorted(counts.items())))
    calls = {Call.LOCK, Call.UNLOCK, Call.AFFECTED, Call.STATUS}
    calls |= {Call.COMMIT} if bearer else {Call.EXCHANGE, Call.STS, Call.INSTANCES}
    assert {call for call in calls if counts[call] < 2} == set()


def test_what_is_not_replayed_is_said(recordings, place):
    skipped = Counter(
        outcome.skipped
        for one in recordings
        if "-30" in one["name"] or one["name"].endswith("untrusted-ca")
        for outcome in place.replay(one)
        if outcome.skipped
    )
    assert skipped == {
        "it follows a redirect that the recording server gave": 10,
        "the recorded client refused the server's certificate": 8,
    }
