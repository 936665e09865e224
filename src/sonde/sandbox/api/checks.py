"""Check runs."""

import re

from sonde.sandbox import git
from sonde.sandbox.accounts import Refused
from sonde.sandbox.api.call import Call, Reply, paged
from sonde.sandbox.api.repos import resolve
from sonde.sandbox.model import CheckRun
from sonde.sandbox.shapes import actions


def create(call: Call) -> Reply:
    sha = call.required("head_sha")
    call.required("name")
    if not re.fullmatch(r"[0-9a-f]{40}", sha) or git.resolve(call.world.bare(call.repository), sha) is None:
        raise Refused(422, f"No commit found for SHA: {sha}")
    check = call.world.create_check_run(call.repository, call.json)
    return Reply(201, actions.check_run(call.world, check))


def _check(call: Call) -> CheckRun:
    check: CheckRun = call.of_repository(call.world.records.check_runs, "check_run_id")
    return check


def get(call: Call) -> Reply:
    return Reply(200, actions.check_run(call.world, _check(call)))


def update(call: Call) -> Reply:
    return Reply(200, actions.check_run(call.world, call.world.update_check_run(_check(call), call.json)))


def rerequest(call: Call) -> Reply:
    call.world.rerequest(_check(call), sender=call.login)
    return Reply(201, {})


def list_of_ref(call: Call) -> Reply:
    """By `check_name`, `status`, `app_id`; of each name and App only the latest, unless `filter=all`."""
    query = call.request.query
    sha = resolve(call, call.params["ref"])
    if sha is None:
        raise Refused(422, f"No commit found for SHA: {call.params['ref']}")
    found = [
        check
        for check in call.world.check_runs(call.repository, sha, name=query.get("check_name"))
        if query.get("status") in (None, check.status) and query.get("app_id") in (None, str(check.app_id))
    ]
    if query.get("filter", "latest") == "latest":
        found = list({(check.app_id, check.name): check for check in found}.values())
    page, links = paged(call, found)
    rows = [actions.check_run(call.world, check) for check in page]
    return Reply(200, {"total_count": len(found), "check_runs": rows}, links)
