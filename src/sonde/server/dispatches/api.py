"""`PATCH /api/v1/repos/{owner}/{repo}/instances`."""

from urllib.parse import unquote

from sonde.server.auth.model import Actor
from sonde.server.dispatches.model import InstanceName
from sonde.server.dispatches.report import Claim, report
from sonde.server.github.events import millis
from sonde.server.instances.decide import LEGACY, too_long
from sonde.server.instances.model import Report
from sonde.server.kernel.db import Database
from sonde.server.kernel.decode import decode
from sonde.server.kernel.http import Call, RefusedError, Reply
from sonde.server.kernel.log import log
from sonde.wire.codec import to_json
from sonde.wire.envelope import ErrorTag
from sonde.wire.instances import RUN_ID_HEADER, InstanceStatus, StatusAnswer

COMMANDS = frozenset({"plan", "apply", "deploy", "remediate", "destroy"})


def status(db: Database, actor: Actor, call: Call) -> Reply:
    """A command's exit code for one instance, named in the query (product.md §2.5)."""
    body = decode(InstanceStatus, call.body)
    stack, component = _instance(call)
    if not stack or not component:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, "The query must name stack and component.")
    if because := too_long(stack, component):
        raise RefusedError(400, ErrorTag.BAD_REQUEST, because)
    found = _report(body)
    owner, name = call.parameters["owner"], call.parameters["repo"]
    claim = Claim(InstanceName(stack, component), found, call.headers.get(RUN_ID_HEADER.lower(), ""))
    done = db.submit("instance.status", lambda tx: report(tx, actor, owner=owner, name=name, claim=claim)).result()
    log.info(
        "instance.reported",
        stack=stack,
        component=done.component,
        command=found.command,
        exit_code=found.exit_code,
        status=done.status,
    )
    return Reply(to_json(StatusAnswer(done.status, done.because)))


def _instance(call: Call) -> tuple[str, str]:
    """Stack and component: of the query, or of the path, where clients before 1.196 name them (product.md §2.5).

    In the path a stack may hold an encoded slash, which the router has decoded: the path as it came has the parts.
    """
    if "component" not in call.parameters:
        return call.query.get("stack", ""), call.query.get("component", "")
    _, _, below = call.raw_path.partition("/repos/")
    named = [unquote(part) for part in below.split("/") if part][3:]  # behind owner, repository and `instances`
    if len(named) < 2:
        return call.parameters["stack"], call.parameters["component"]
    return named[0], "/".join(named[1:])


def _report(body: InstanceStatus) -> Report:
    last_run = millis(body.last_run) or None
    if body.command is None:
        legacy = LEGACY.get(body.status or "")
        if legacy is None:
            raise RefusedError(
                400,
                ErrorTag.BAD_REQUEST,
                "The body has neither command and exit_code nor a status of in_sync or drifted.",
            )
        return Report(legacy.command, legacy.exit_code, last_run)
    if body.command not in COMMANDS:
        raise RefusedError(
            400, ErrorTag.BAD_REQUEST, f"command is {body.command!r}; it must be one of {', '.join(sorted(COMMANDS))}."
        )
    if body.exit_code is None or not -(2**31) <= body.exit_code < 2**31:
        raise RefusedError(400, ErrorTag.BAD_REQUEST, "exit_code must be a whole number that a process can end with.")
    return Report(body.command, body.exit_code, last_run)
