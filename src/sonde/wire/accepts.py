"""What the clients that are out there make of an answer: the rules of protocol.md §3, coded once.

`objections` names everything in an answer that a real client would misread, or that only another client would take.
Nobody who answers honestly and in the form of the consumer's contract gets one.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sonde.wire.envelope import ErrorTag

REUSABLE = 300  # seconds that a session must still live for a client to use it again (protocol.md §4)
FRESH = 60  # seconds that a GitHub token must still live (protocol.md §7.2)
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
REASONS = frozenset(
    {
        "not_installed_in_workspace",
        "no_trust_policy",
        "trust_policy_denied",
        "trust_policy_invalid",
        "installation_suspended",
    }
)


class Call(StrEnum):
    """What a client asks for; protocol.md §1 numbers the first eight."""

    EXCHANGE = "exchange"
    LOCK = "lock"
    UNLOCK = "unlock"
    AFFECTED = "affected"
    INSTANCES = "instances"
    STATUS = "status"
    COMMIT = "commit"
    STS = "sts"
    EXEC = "exec"
    EXEC_DATA = "exec data"


CALLS: Mapping[tuple[str, str], Call] = {
    ("POST", "auth/github-oidc"): Call.EXCHANGE,
    ("POST", "locks"): Call.LOCK,
    ("DELETE", "locks"): Call.UNLOCK,
    ("POST", "affected-stacks"): Call.AFFECTED,
    ("POST", "instances"): Call.INSTANCES,
    ("POST", "git/commit"): Call.COMMIT,
    ("POST", "sts"): Call.STS,
    ("POST", "atmos/exec"): Call.EXEC,
    ("POST", "atmos/exec/data"): Call.EXEC_DATA,
}
BY_STATUS = frozenset({Call.AFFECTED, Call.INSTANCES, Call.STATUS, Call.EXEC, Call.EXEC_DATA})


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, its body already decompressed; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def call_of(method: str, path: str) -> Call | None:
    """The call that a request is; None for one that no client of others makes."""
    below = re.sub(r"^/api/(v\d+/)?", "", re.sub(r"/+", "/", path)).strip("/")
    if method == "PATCH" and re.search(r"(^|/)instances(/|$)", below):
        return Call.STATUS
    return CALLS.get((method, below))


def succeeds(call: Call, answer: Answer) -> bool:
    """Whether the client takes the answer for a success: three different rules, and one for STS."""
    body = _parsed(answer.body)
    said = isinstance(body, Mapping) and body.get("success") is True
    if call in BY_STATUS:
        return 200 <= answer.status < 400
    if call is Call.COMMIT:
        return 200 <= answer.status < 400 and isinstance(body, Mapping)
    if call is Call.STS:
        return answer.status in (200, 201) and said
    return said


def objections(call: Call, asked: Any, answer: Answer, *, now: int) -> tuple[str, ...]:
    """What is wrong with an answer, as sentences; none where every client takes it as it is meant.

    `asked` is the parsed body of the request, `now` in epoch seconds.
    """
    if 300 <= answer.status < 400:
        return ("it is a redirect: a client follows it, and takes whatever it finds for success",)
    body = _parsed(answer.body)
    if not isinstance(body, Mapping):
        return ("the body is no JSON object with one value for each name",)
    found = [*_of_http(answer), *_of_envelope(answer, body)]
    if succeeds(call, answer) is not (body.get("success") is True and answer.status < 400):
        found.append("the client takes it for the opposite of what it is")
    if answer.status < 400:
        found += _of_success(call, asked, answer, body, now=now)
    else:
        found += _of_refusal(body)
    return tuple(found)


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name.casefold() for name, _ in pairs}) != len(pairs):  # Go reads names in any case
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _of_http(answer: Answer) -> Iterator[str]:
    if answer.headers.get("content-type", "").partition(";")[0] != "application/json":
        yield "the content type is not application/json"
    if answer.status == 429:
        yield "429 is final for a client; 503 is what it tries again"


def _of_envelope(answer: Answer, body: Mapping[str, Any]) -> Iterator[str]:
    """The types that a client's decoder insists on, and the fields that every answer of ours has."""
    if not isinstance(body.get("success"), bool):
        yield "success is no boolean"
    elif body["success"] is not (answer.status < 400):
        yield f"success is {body['success']} at HTTP status {answer.status}"
    status = body.get("status")
    if isinstance(status, bool) or not isinstance(status, int):
        yield "status is no whole number"
    elif status != answer.status:
        yield f"status is {status} at HTTP status {answer.status}"
    for name in ("data", "context"):
        if not isinstance(body.get(name), Mapping | None):
            yield f"{name} is no object"
    for name in ("request", "errorTag", "errorMessage", "error", "traceId", "url"):
        if not isinstance(body.get(name), str | None):
            yield f"{name} is no text"
    if not body.get("traceId"):
        yield "there is no traceId"


def _of_refusal(body: Mapping[str, Any]) -> Iterator[str]:
    if not str(body.get("errorMessage") or "").strip():
        yield "errorMessage is empty: nobody learns why"
    if body.get("errorTag") not in {str(tag) for tag in ErrorTag}:
        yield "errorTag is none of the documented ones"
    data = body.get("data")
    errors = data.get("validationErrors", []) if isinstance(data, Mapping) else []
    if not isinstance(errors, list) or not all(isinstance(one, str) for one in errors):
        yield "data.validationErrors is no list of texts"


def _of_success(call: Call, asked: Any, answer: Answer, body: Mapping[str, Any], *, now: int) -> Iterator[str]:
    if answer.status != 200:
        yield f"success has status {answer.status}; the contract wants 200"
    if call is Call.EXEC_DATA and not str(body.get("url", "")).startswith(("http://", "https://")):
        yield "url is not beside data, where clients look for it"
    data = body.get("data") or {}
    if not isinstance(data, Mapping):
        return
    for name, check in FIELDS.get(call, {}).items():
        if reason := check(data.get(name), now):
            yield f"data.{name} {reason}"
    if call is Call.LOCK and isinstance(asked, Mapping) and data.get("key") != asked.get("key"):
        yield "data.key is not the key that was asked for, and it is what the client prints"


Check = Callable[[Any, int], str]  # (value, now) -> why not, empty where it is good


def _text(value: Any, _now: int) -> str:
    return "" if isinstance(value, str) and value else "is no text, or empty"


def _any_text(value: Any, _now: int) -> str:
    return "" if isinstance(value, str) else "is no text"


def _time(value: Any, _now: int) -> str:
    return "" if _moment(value) is not None else "is no time as YYYY-MM-DDTHH:MM:SSZ"


def _moment(value: Any) -> float | None:
    if not isinstance(value, str) or not TIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).timestamp()
    except ValueError:
        return None


def _time_or_null(value: Any, now: int) -> str:
    return "" if value is None else _time(value, now)


def _sha(value: Any, _now: int) -> str:
    return "" if isinstance(value, str) and SHA.fullmatch(value) else "is no commit"


def _session(value: Any, now: int) -> str:
    """Opaque, but where it looks like a JWT a client reads its `exp`."""
    if reason := _text(value, now):
        return reason
    if "." not in value:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(value.split(".")[1] + "=="))
        lives = claims.get("exp", now + REUSABLE + 1) - now
    except (binascii.Error, ValueError, AttributeError, TypeError):
        return "cannot be decoded, so it counts as expired"
    return "" if lives > REUSABLE else f"lives {lives} s, too short to be used again"


def _tokens(value: Any, now: int) -> str:
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        return "is no list of objects"
    return next((reason for one in value if (reason := _github_token(one, now))), "")


def _github_token(token: Mapping[str, Any], now: int) -> str:
    for name in ("host", "owner", "token"):
        if _text(token.get(name), now):
            return f"has one without {name}, which the client passes over"
    until = _moment(token.get("expiresAt"))
    if until is None or until - now <= FRESH:
        return "has one whose expiresAt is no time or is too near"
    repositories, permissions = token.get("repositories"), token.get("permissions")
    if not isinstance(repositories, list | None) or not all(isinstance(one, str) for one in repositories or ()):
        return "has one whose repositories are no list of texts"
    if not isinstance(permissions, Mapping | None) or not all(
        isinstance(one, str) for one in (permissions or {}).values()
    ):
        return "has one whose permissions are no texts"
    return ""


def _excluded(value: Any, now: int) -> str:
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        return "is no list of objects"
    wrong = (one for one in value if _text(one.get("repo"), now) or one.get("reason") not in REASONS)
    return next(("has one without a repo or with an unknown reason" for _ in wrong), "")


FIELDS: Mapping[Call, Mapping[str, Check]] = {
    Call.EXCHANGE: {"token": _session},
    Call.LOCK: {
        "id": _text,
        "workspaceId": _text,
        "key": _text,
        "lockMessage": _any_text,
        "expiresAt": _time,
        "createdAt": _time,
        "updatedAt": _time,
        "deletedAt": _time_or_null,
    },
    Call.COMMIT: {"sha": _sha},
    Call.STS: {"tokens": _tokens, "excluded": _excluded},
}
