"""The OpenAPI 3.1 description of `/api/v1`, made from the routes and the wire's dataclasses. Pure.

`python -m sonde.server.openapi FILE` writes it; `docs/openapi.json` is what it wrote last.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from sonde.wire.bounds import BOUNDS, FORMS, FULL_NAME, NEEDED
from sonde.wire.calls import CALLS, Described, Next, refusals_of
from sonde.wire.codec import json_name
from sonde.wire.envelope import ErrorTag
from sonde.wire.locks import LockAnswer, LockStands
from sonde.wire.refusals import REFUSALS

Json = dict[str, Any]
PLAIN: Mapping[Any, Json] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    float: {"type": "number"},
    Any: {},
}
PATH_PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")
TRACE_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "also in the server's log and in X-Trace-Id"}
TRACE = {"$ref": "#/components/schemas/TraceId"}
HEADERS: Json = {
    "X-Trace-Id": {"schema": TRACE, "required": True},
    "X-Lock-Fence": {"schema": {"type": "string", "pattern": "^[0-9]+$"}, "required": True},
    "Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}, "required": True},
}
TIME = {"pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"}
FORMATTED = ("expiresAt", "createdAt", "updatedAt", "deletedAt", "lastRun")  # times of our answers
ABOUT = """\
What Atmos clients and the `sonde` CLI ask of this server. Every answer is one envelope; a client needs nothing but
`success`, `data` and `errorMessage`. Unknown fields are ignored, `null` stands for an absent value, and a text must not
hold the character NUL. Bodies may be compressed with gzip. Repeated slashes in a path are one."""


@dataclass(frozen=True)
class Parts:
    """What is named once and used by many operations, by name; filled while the document is made."""

    schemas: dict[str, Json]
    responses: dict[str, Json]


def document(routes: Iterable[tuple[str, str, str]]) -> Json:
    """The description of `routes`: (method, path below `/api/v1/`, permission; empty for none)."""
    parts = Parts({"ErrorTag": _tags(), "Refusal": _refusal(), "TraceId": TRACE_ID}, {})
    paths: dict[str, Json] = {}
    for method, path, permission in routes:
        call = CALLS[method, path]
        where = "/api/v1/" + PATH_PARAMETER.sub(r"{\1}", path)
        operation = _operation(method, path, permission, parts)
        paths.setdefault(where, {})[method.lower()] = operation
        if call.old:
            old = {**operation, "deprecated": True, "operationId": f"{operation['operationId']}-before-1.180"}
            paths.setdefault(f"/api/{call.old}", {})[method.lower()] = old
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sonde",
            "version": "1",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(parts.schemas.items())),
            "responses": dict(sorted(parts.responses.items())),
            "headers": HEADERS,
            "securitySchemes": {
                "session": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A session of the exchange, or a static token.",
                }
            },
        },
    }


def _operation(method: str, path: str, permission: str, parts: Parts) -> Json:
    call = CALLS[method, path]
    parameters = [_parameter("path", name) for name in PATH_PARAMETER.findall(path)]
    parameters += [_parameter("query", name) for name in call.query]
    if call.header:
        parameters.append({"name": call.header, "in": "header", "required": False, "schema": {"type": "string"}})
    operation: Json = {
        "operationId": _operation_id(method, path),
        "summary": call.summary,
        "tags": ["Sonde" if call.ours else "Atmos Pro"],
        "responses": {"200": _success(call, parts), **_refusals(method, path, parts)},
        "security": [{"session": []}] if permission else [],
    }
    if permission:
        operation["description"] = f"Needs the permission `{permission}`."
    if parameters:
        operation["parameters"] = parameters
    if call.request:
        content = {"application/json": {"schema": _reference(call.request, parts, asked=True)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _operation_id(method: str, path: str) -> str:
    return "-".join([method.lower(), *PATH_PARAMETER.sub(r"\1", path).split("/")])


def _parameter(place: str, name: str) -> Json:
    schema: Json = {"type": "string", "minLength": 1}
    if name in ("stack", "component"):
        schema |= FULL_NAME
    if name == "number":
        schema = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
    return {"name": name, "in": place, "required": True, "schema": schema}


def _success(call: Described, parts: Parts) -> Json:
    data = _reference(call.answer, parts, asked=False) if call.answer else {"type": "object"}
    properties: Json = {
        "success": {"const": True},
        "status": {"const": 200},
        "data": data,
        "request": {"type": "string"},
        "traceId": TRACE,
    }
    if call.url:
        properties["url"] = {"type": "string", "format": "uri", "description": "where the result is"}
    schema = {"type": "object", "required": list(properties), "properties": properties}
    names = ["X-Trace-Id", *(["X-Lock-Fence"] if call.answer is LockAnswer else [])]
    answer = {
        "description": "It is done.",
        "headers": _headers(*names),
        "content": {"application/json": {"schema": schema}},
    }
    return answer | ({"links": {call.then.method.lower(): _link(call.then)}} if call.then else {})


def _link(then: Next) -> Json:
    given = {name: f"$response.body#/data/{field}" for name, field in then.takes.items()}
    operation = {"operationId": _operation_id(then.method, then.path)}
    return operation | ({"parameters": given} if "{" in then.path else {"requestBody": given})


def _refusals(method: str, path: str, parts: Parts) -> dict[str, Json]:
    by_status: dict[int, list[ErrorTag]] = {}
    for tag in refusals_of(method, path):
        for status in REFUSALS[tag].statuses:
            if status != 422 or path in ("git/commit", "sts"):
                by_status.setdefault(status, []).append(tag)
    return {str(status): _refused(status, tags, parts) for status, tags in sorted(by_status.items())}


def _refused(status: int, tags: list[ErrorTag], parts: Parts) -> Json:
    own: Json = {
        "properties": {"status": {"const": status}, "errorTag": {"enum": [str(tag) for tag in tags]}},
    }
    if status == 409 and ErrorTag.LOCK_CONFLICT in tags:
        own["properties"]["context"] = _reference(LockStands, parts, asked=False)
    names = ["X-Trace-Id", *(["Retry-After"] if status == 503 else [])]
    name = ".".join([str(status), *tags])
    parts.responses[name] = {
        "description": "\n".join(f"- `{tag}`: {REFUSALS[tag].when}" for tag in tags),
        "headers": _headers(*names),
        "content": {"application/json": {"schema": {"allOf": [{"$ref": "#/components/schemas/Refusal"}, own]}}},
    }
    return {"$ref": f"#/components/responses/{name}"}


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _tags() -> Json:
    """The one enum of error tags, each with when it is said and what to do."""
    return {
        "type": "string",
        "description": "Stable names of refusals; messages are for people and may change.",
        "oneOf": [
            {
                "const": str(tag),
                "title": ", ".join(map(str, said.statuses)),
                "description": f"{said.when} {said.next_step}",
            }
            for tag, said in REFUSALS.items()
        ],
    }


def _refusal() -> Json:
    return {
        "type": "object",
        "description": "The envelope of a request that was refused.",
        "required": ["success", "status", "errorTag", "errorMessage", "request", "traceId"],
        "properties": {
            "success": {"const": False},
            "status": {"type": "integer", "description": "the HTTP status"},
            "errorTag": {"$ref": "#/components/schemas/ErrorTag"},
            "errorMessage": {
                "type": "string",
                "minLength": 1,
                "description": "what is wrong and the next step, for people",
            },
            "request": {"type": "string", "description": "method and path as they were understood"},
            "traceId": TRACE,
            "context": {"type": "object", "description": "facts for programs, such as who holds a lock"},
            "data": {
                "type": "object",
                "properties": {"validationErrors": {"type": "array", "items": {"type": "string"}}},
            },
        },
    }


def _reference(cls: type[Any], parts: Parts, *, asked: bool) -> Json:
    if cls.__name__ not in parts.schemas:
        parts.schemas[cls.__name__] = {}  # it may name itself
        parts.schemas[cls.__name__] = _object(cls, parts, asked=asked)
    return {"$ref": f"#/components/schemas/{cls.__name__}"}


def _object(cls: type[Any], parts: Parts, *, asked: bool) -> Json:
    """A dataclass as a schema. In a request what has a default may be null or absent; in an answer `NULLABLE` says so."""
    hints = get_type_hints(cls)
    properties, required = {}, []
    for field in fields(cls):
        name, optional = json_name(cls, field.name), NoneType in get_args(hints[field.name])
        schema = _schema(hints[field.name], parts, asked=asked)
        schema = {**schema, **BOUNDS.get((cls, field.name), {}), **(TIME if _is_time(name, asked=asked) else {})}
        mandatory = _mandatory(cls, field) if asked else not optional or field.name in cls.NULLABLE
        nullable = not mandatory if asked else field.name in cls.NULLABLE
        properties[name] = _nullable(schema) if nullable else schema
        required += [name] if mandatory else []
    found: Json = {"type": "object", "description": " ".join((cls.__doc__ or "").split()), "properties": properties}
    if required:
        found["required"] = required
    if cls in FORMS:
        found["anyOf"] = [dict(form) for form in FORMS[cls]]
    return found


def _is_time(name: str, *, asked: bool) -> bool:
    return not asked and name in FORMATTED


def _mandatory(cls: type[Any], field: Field[Any]) -> bool:
    if field.name in NEEDED.get(cls, ()):
        return True
    return field.default is MISSING and field.default_factory is MISSING


def _nullable(schema: Json) -> Json:
    if not schema:  # anything, null too
        return schema
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return schema if "null" in schema.get("type", ()) else {"anyOf": [schema, {"type": "null"}]}


def _schema(hint: Any, parts: Parts, *, asked: bool) -> Json:
    choices = [choice for choice in get_args(hint) if choice is not NoneType]
    if NoneType in get_args(hint):
        return _schema(choices[0], parts, asked=asked)
    if is_dataclass(hint):
        return _reference(hint, parts, asked=asked)  # type: ignore[arg-type]
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _schema(choices[0], parts, asked=asked)}
    if get_origin(hint) is not None:  # a Mapping
        value = _schema(choices[1], parts, asked=asked)
        return {"type": "object", "additionalProperties": value} if value else {"type": "object"}
    return dict(PLAIN[hint])


def written(described: Mapping[str, Any]) -> str:
    """A description as the text of a file."""
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    from sonde.server.wiring import described

    Path(sys.argv[1]).write_text(written(described()))
