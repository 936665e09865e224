"""The keys that sign sessions: replaced each month or at once, shared by all replicas, and gone when nothing needs them."""

import time
from dataclasses import replace

import jwt
import pytest
from commands import facts
from world import WORKSPACE, Server

from sonde.server.auth import sessions, store
from sonde.server.auth.sessions import KeyRing
from sonde.server.auth.store import signing_keys


@pytest.fixture
def run_id(world):
    world.open_pull_request()
    return world.run_of("pull_request").run_id


def exchange(world, token, server=None):
    body = {"token": token, "workspaceId": WORKSPACE}
    return (server or world.server).request("POST", "/api/v1/auth/github-oidc", body=body)


def test_a_session_key_is_replaced_after_a_month_and_the_old_one_still_verifies(world, run_id, monkeypatch):
    first = exchange(world, world.oidc(run_id)).data["token"]
    with world.db.write("admin.change") as tx:
        tx.run(signing_keys.update().values(created_at=tx.now - 31 * 86_400_000))
    monkeypatch.setattr(sessions, "REREAD", 0.0)
    second = exchange(world, world.oidc(run_id)).data["token"]
    kids = [jwt.get_unverified_header(token)["kid"] for token in (first, second)]
    assert kids[0] != kids[1]
    for token in (first, second):
        assert world.server.request("GET", "/api/v1/repos/acme/infra/locks", token=token).status == 200


def test_a_replica_verifies_with_the_key_that_another_made_and_signs_with_the_same(world, run_id):
    token = exchange(world, world.oidc(run_id)).data["token"]
    kid = jwt.get_unverified_header(token)["kid"]
    other = KeyRing(world.db)
    assert other.secret(kid) == world.server.site.trust.ring.secret(kid)
    with world.db.read() as tx:
        now = tx.now
    assert other.current(now)[0] == kid
    assert other.secret("key_of_nobody") is None


def test_a_key_is_deleted_when_no_session_can_be_signed_with_it_any_more_and_the_newest_never(world):
    hour = 3_600_000
    with world.db.write("admin.change") as tx:
        tx.run(signing_keys.delete())
        for age in (100, 30, 1):  # the second was replaced an hour ago, the first long before
            store.put_key(tx, f"k{age}", "s", tx.now - age * hour)
        store.purge(tx)
        assert [row.kid for row in store.keys(tx)] == ["k1", "k30"]
        tx.run(signing_keys.delete())
        store.put_key(tx, "k900", "s", tx.now - 900 * hour)
        store.purge(tx)
        assert [row.kid for row in store.keys(tx)] == ["k900"]


@pytest.fixture
def replica(world):
    """Another server of the same database."""
    made = Server(world.server.site.settings)
    yield made
    made.stop()


def taken(server, token):
    """Whether a server takes a token, by a hot route and by another."""
    hot = server.request("DELETE", "/api/v1/locks", body={"key": "acme/infra/dev/nobody-locked"}, token=token).status
    return hot == 404, server.request("GET", "/api/v1/repos/acme/infra/locks", token=token).status == 200


YES, NO = (True, True), (False, False)


def kid_of(token):
    return jwt.get_unverified_header(token)["kid"]


def test_a_rotated_key_signs_on_every_replica_and_the_old_one_verifies_on(world, run_id, admin, replica, monkeypatch):
    monkeypatch.setattr(sessions, "REREAD", 0.0)
    before = exchange(world, world.oidc(run_id)).data["token"]
    assert [taken(one, before) for one in (world.server, replica)] == [YES] * 2
    new = facts(admin("key", "rotate", "--json"))
    assert (new["revoked"], new["sessions"]) == ([], {})
    for server in (world.server, replica):
        token = exchange(world, world.oidc(run_id), server=server).data["token"]
        assert kid_of(token) == new["id"]
        assert taken(server, before) == taken(server, token) == YES
    listed = facts(admin("key", "list", "--json"))["keys"]
    assert [(one["id"], one["signs"]) for one in listed] == [(new["id"], True), (kid_of(before), False)]
    assert world.server.site.trust.ring.secret(new["id"]) not in str(listed)


def test_a_leaked_key_is_worth_nothing_once_it_is_revoked(world, run_id, admin, replica):
    """No replica has looked for new keys since: its sessions have ended all the same."""
    token = exchange(world, world.oidc(run_id)).data["token"]
    assert [taken(one, token) for one in (world.server, replica)] == [YES] * 2
    secret = world.server.site.trust.ring.secret(kid_of(token))
    done = facts(admin("key", "rotate", "--revoke-old", "--json"))
    assert (done["revoked"], done["sessions"]) == ([kid_of(token)], {WORKSPACE: 1})
    assert [taken(one, token) for one in (world.server, replica)] == [NO] * 2
    for ring in (world.server.site.trust.ring, replica.site.trust.ring):
        ring._keys = replace(ring._keys, at=-sessions.REREAD)  # five seconds later
    fresh = exchange(world, world.oidc(run_id)).data["token"]
    assert [taken(one, fresh) for one in (world.server, replica)] == [YES] * 2
    claims = jwt.decode(fresh, options={"verify_signature": False})
    forged = jwt.encode(claims, secret, algorithm="HS256", headers={"kid": kid_of(token)})
    assert [taken(one, forged) for one in (world.server, replica)] == [NO] * 2


def test_a_replica_looks_for_new_keys_by_itself(world, run_id, monkeypatch):
    ring = KeyRing(world.db)
    with world.db.read() as tx:
        first = ring.current(tx.now)
    with world.db.write("admin.change") as tx:
        new = sessions.rotate(tx, revoke_old=True).kid
        now = tx.now
    assert ring.ready(now) == first
    assert ring.known(first[0]) == first[1]
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + sessions.REREAD)
    assert ring.ready(now) is None
    with pytest.raises(KeyError):
        ring.known(first[0])
    assert ring.secret(first[0]) is None
    assert ring.current(now)[0] == new


def test_a_new_key_is_the_newest_also_where_the_clock_was_set_back(world):
    with world.db.write("admin.change") as tx:
        store.put_key(tx, "key_ahead", "s", tx.now + 86_400_000)
        assert sessions.rotate(tx, revoke_old=False).kid == store.keys(tx)[0].kid
