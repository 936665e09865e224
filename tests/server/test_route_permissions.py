"""Each route declares the permission that it demands, and refuses whoever lacks it."""

from dataclasses import MISSING, fields

import pytest
from sqlalchemy import text
from twins import BODIES, Twins, concrete
from world import WORKSPACE

from sonde.server.auth.model import Permission
from sonde.server.wiring import ROUTES, UndeclaredError


def test_a_route_without_a_permission_does_not_start():
    kinds = {type(route) for route in ROUTES}
    assert len(kinds) == 3
    for kind in kinds:
        needed = [field.name for field in fields(kind) if field.default is MISSING]
        given = dict.fromkeys(needed, print) | {"method": "GET", "path": "nothing"}
        for wrong in (None, "", "locks:create"):
            with pytest.raises(UndeclaredError, match="nothing"):
                kind(**given | {"permission": wrong})
        assert kind(**given | {"permission": Permission.STATUS_READ}).path == "nothing"


def test_every_route_declares_its_permission():
    assert {f"{route.method} {route.path}": str(route.permission) for route in ROUTES} == {
        "POST locks": "locks:create",
        "POST locks/wait": "locks:create",
        "DELETE locks/wait": "locks:create",
        "POST locks/all": "locks:create",
        "DELETE locks": "locks:delete",
        "POST affected-stacks": "affected_stacks:create",
        "POST instances": "instances:create",
        "PATCH repos/{owner:path}/{repo}/instances": "instances:update",
        "PATCH repos/{owner}/{repo}/instances/{stack}/{component:path}": "instances:update",
        "GET repos/{owner:path}/{repo}/instances": "status:read",
        "POST atmos/exec": "exec:create",
        "POST atmos/exec/data": "exec:create",
        "GET atmos/exec/data/{result}": "status:read",
        "GET repos/{owner}/{repo}/locks": "status:read",
        "GET repos/{owner}/{repo}/pulls/{number}": "status:read",
        "POST git/commit": "git:commit",
        "POST sts": "sts:mint",
    }


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Servers on which a session of a job stands to which no row gives anything, and the twins' token of everything."""
    made = Twins.start(tmp_path_factory.mktemp("permissions"))
    yield made
    made.stop()


def nothing_granted(server):
    """The bearer of a static token that may do nothing."""
    from sonde.server.auth import store

    with server.site.db.write("admin.change") as tx:
        token = store.StaticToken("tok_none", WORKSPACE, None, "none", tx.now + 86_400_000, frozenset())
        if tx.one(text("SELECT 1 FROM tokens WHERE id = 'tok_none'")) is None:
            store.put_token(tx, token, "may-do-nothing")
    return "may-do-nothing"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_refuses_who_is_nobody_and_who_lacks_its_permission(bare, route):
    for server in bare.servers.values():
        nothing_granted(server)
    body = BODIES.get(route.path)
    assert bare.ask(route.method, concrete(route.path), body=body).status == 401
    assert bare.ask(route.method, concrete(route.path), body=body, token="nobody's").status == 401
    refused = bare.ask(route.method, concrete(route.path), body=body, token="may-do-nothing")
    assert (refused.status, str(route.permission) in refused.body["errorMessage"]) == (403, True)
