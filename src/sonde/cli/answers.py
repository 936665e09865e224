"""Reading what the control plane says, as tolerantly and as strictly as the Go client does (protocol.md §2, §3).

Names match whatever their case, unknown ones are ignored, `null` is nothing, and a value of the wrong type makes the
whole answer unreadable. What counts as success differs by call: see `client`.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sonde.cli import redact
from sonde.cli.errors import DecodeError, RefusedError
from sonde.cli.transport import Answer

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
MAX_INT = 2**63 - 1
KINDS = {type(None): "null", bool: "bool", str: "string", int: "number", float: "number", list: "array", dict: "object"}

# field of `data` -> what it must be; "time" is an RFC 3339 text, "texts" a list of texts
Shape = Mapping[str, str]
ENVELOPE: Shape = {
    "success": "bool",
    "status": "int",
    "data": "object",
    "request": "string",
    "errorTag": "string",
    "errorMessage": "string",
    "error": "string",
    "traceId": "string",
    "context": "object",
}
LOCK: Shape = {
    "id": "string",
    "workspaceId": "string",
    "key": "string",
    "lockMessage": "string",
    "expiresAt": "time",
    "createdAt": "time",
    "updatedAt": "time",
    "deletedAt": "time",
    "fence": "int",  # additive
}
NOTHING: Shape = {}
LOCKS: Shape = {"locks": "array"}
INSTANCES: Shape = {"instances": "array"}
PULL: Shape = {
    "number": "int",
    "title": "string",
    "headSha": "string",
    "open": "bool",
    "merged": "bool",
    "triggers": "array",
}
TOKENS: Shape = {"tokens": "array", "excluded": "array"}
SESSION: Shape = {"token": "string"}
COMMIT: Shape = {"sha": "string"}
PROBLEMS: Shape = {"validationErrors": "texts"}


class Said(NamedTuple):
    """An envelope as read. `message` is empty where the server gave none; `data` holds the fields of its shape."""

    success: bool
    status: int
    message: str
    tag: str
    trace_id: str
    data: Mapping[str, Any]
    context: Mapping[str, Any] = MappingProxyType({})


def read(body: bytes, shape: Shape) -> Said:
    """Decode an envelope whose `data` has `shape`. Raises DecodeError."""
    envelope = _fields(_parsed(body), ENVELOPE, "")
    return Said(
        success=envelope.get("success", False),
        status=envelope.get("status", 0),
        message=envelope.get("errorMessage") or envelope.get("error") or "",
        tag=envelope.get("errorTag", ""),
        trace_id=envelope.get("traceId", ""),
        data=_fields(envelope.get("data", {}), shape, "data."),
        context=envelope.get("context", {}),
    )


def value_of(body: bytes) -> str:
    """`value` of GitHub's id-token answer; an empty one is passed on (protocol.md §4). Raises DecodeError."""
    return str(_fields(_parsed(body), {"value": "string"}, "").get("value", ""))


def refusal(answer: Answer, *, operation: str = "", static: bool = False) -> RefusedError:
    """The server's no as an error: its message, its list of problems, its trace id, and what to do about it.

    `operation` is put in front; an upload's begins with `Upload`, and its 400 is about settings. `static` says that a
    static token was sent, no session.
    """
    about_settings = operation.startswith("Upload")
    try:
        said = read(answer.body, PROBLEMS)
    except DecodeError:
        text = f"failed to unmarshal API response: HTTP status: {answer.status} {answer.reason}"
        return RefusedError(
            f"{operation}{text}",
            status=answer.status,
            hints=[*not_ours(answer), *(hints(answer.status, static=static) if answer.status < 500 else ())],
        )
    message = said.message or f"API request failed with status {said.status or answer.status}"
    problems = tuple(dict.fromkeys(said.data.get("validationErrors", ())))
    refused = RefusedError(
        f"{operation}API response error: {_described(message, problems, said.trace_id)}",
        status=answer.status,
        tag=said.tag,
        trace_id=said.trace_id,
        hints=hints(answer.status, said.tag, message, about_settings=about_settings, static=static)
        if answer.status < 500 or said.trace_id
        else ["The control plane failed; its log says more."],
    )
    refused.context = said.context
    return refused


def not_ours(answer: Answer) -> tuple[str, ...]:
    """What to look at when an answer is not an envelope: most often something else answered."""
    where = redact.address(answer.url)
    if answer.body.lstrip()[:1] == b"{":
        return (f"The answer of {where} is cut short or damaged: look at the proxies in between.",)
    if answer.status == 413:
        return (
            f"Something in front of {where} refuses a body of this size. Raise its limit, or set "
            "`settings.pro.max_payload_bytes` in atmos.yaml below it: then the upload goes in smaller parts.",
        )
    if answer.status >= 500:
        return (
            f"The answer is not the control plane's own: a proxy in front of {where} cannot reach it, or it starts.",
        )
    return (
        f"Is {where} a control plane's? What answered is none, perhaps a proxy or a page to sign in. "
        "Check ATMOS_PRO_BASE_URL and ATMOS_PRO_ENDPOINT.",
    )


def doubt(answer: Answer) -> str:
    """Why an answer whose status says success may be none: then it is told, although the protocol counts it as one."""
    if not answer.body.strip():
        return ""
    try:
        envelope = _fields(_parsed(answer.body), ENVELOPE, "")
    except DecodeError:
        return "Counted as accepted, but the answer is not a control plane's: is this its address?"
    if envelope.get("success") is False:
        return f"Counted as accepted, but the control plane says: {envelope.get('errorMessage') or 'success is false'}"
    return ""


def _described(message: str, problems: tuple[str, ...], trace_id: str) -> str:
    """The message, then each problem once: a tail of the message that only repeats them is cut (protocol.md §3)."""
    head, colon, tail = message.rpartition(": ")
    if problems and colon and all(problem in tail for problem in problems):
        message = head
    trace = f"trace_id: {trace_id}" if trace_id else ""
    if not problems:
        return f"{message} {trace}".rstrip()
    bullets = "".join(f"\n  • {problem}" for problem in problems)
    return f"{message}\n{bullets}" + (f"\n  {trace}" if trace else "")


HINTS: Mapping[tuple[int, str], str] = {
    (401, "static"): "The static token may be expired, revoked or not enabled on this server. See `sonde pro config`.",
    (401, "session"): "The session was not accepted. In GitHub Actions the job needs `permissions: id-token: write`.",
    (
        403,
        "static",
    ): "The static token is for another repository, or may not do this; an administrator can make another.",
    (
        403,
        "session",
    ): "Permissions are set per repository on the control plane: does this one allow this workflow and branch?",
    (404, "static"): "Check that the repository is linked to the workspace of the static token.",
    (
        404,
        "session",
    ): "Check ATMOS_PRO_WORKSPACE_ID, that the repository is linked to it, and that the GitHub App is installed.",
}
# Refusals whose message says all there is to do.
PLAIN = frozenset({"LockNotFound", "RepositoryNotLinked", "WorkspaceNotFound"})


def hints(
    status: int, tag: str = "", message: str = "", *, about_settings: bool = False, static: bool = False
) -> list[str]:
    """The next step for a refusal. 409, 413, 422, 423 and 429 explain themselves by their message."""
    if tag in PLAIN:
        return []
    if status == 400 and about_settings:
        wants_workflows = tag == "DriftDetectionValidationError" or re.search(
            "drift detection|remediate workflow|detect workflow", message, re.IGNORECASE
        )
        drift = ["`settings.pro.drift_detection` needs both a `detect` and a `remediate` workflow."]
        return ["Look at the `settings.pro` block of the components named above.", *(drift if wants_workflows else [])]
    if status >= 500:
        return ["The control plane failed. Its log says more under the trace_id above."]
    hint = HINTS.get((status, "static" if static else "session"))
    return [hint] if hint else []


def _parsed(body: bytes) -> Any:
    text = body.decode("utf-8", "replace").strip()
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DecodeError(_syntax(text, error.pos)) from error
    except RecursionError as error:
        raise DecodeError("the answer is nested too deeply") from error


def _syntax(text: str, at: int) -> str:
    if at >= len(text) or text.startswith(("{", "[")):
        return "unexpected end of JSON input" if not text.endswith(("}", "]")) else f"invalid JSON at byte {at}"
    return f"invalid character {text[at]!r} looking for beginning of value"


def _fields(value: Any, shape: Shape, where: str) -> dict[str, Any]:
    """The fields of `shape` that `value` has, none for `null`; the last of two names that differ in case wins, as in Go."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DecodeError(f"json: cannot unmarshal {KINDS[type(value)]} into {where.rstrip('.') or 'the envelope'}")
    known = {name.lower(): name for name in shape}
    out: dict[str, Any] = {}
    for key, item in value.items():
        name = known.get(key.lower())
        if name and item is not None:
            out[name] = _checked(item, shape[name], where + name)
    return out


def _checked(item: Any, kind: str, where: str) -> Any:
    if kind == "time":
        return _time(item, where)
    if kind == "texts":
        fits = isinstance(item, list) and all(isinstance(part, str) for part in item)
    elif kind == "int":
        fits = isinstance(item, int) and not isinstance(item, bool) and abs(item) <= MAX_INT
    else:
        fits = isinstance(item, {"bool": bool, "string": str, "object": dict, "array": list}[kind])
    if not fits:
        raise DecodeError(f"json: cannot unmarshal {KINDS[type(item)]} into {where}, which is a {kind}")
    return item


def _time(item: Any, where: str) -> str:
    if not isinstance(item, str):
        raise DecodeError(f"{where}: a time must be a JSON string, not a {KINDS[type(item)]}")
    if RFC3339.fullmatch(item):
        try:
            datetime.fromisoformat(item)
        except ValueError:
            pass
        else:
            return item
    raise DecodeError(f'parsing time "{item}" of {where}: it is not like 2026-06-09T10:00:00Z')
