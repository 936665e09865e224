"""What the server asks of single fields beyond their type, in the words of JSON Schema. Texts are measured in UTF-8 bytes
where JSON Schema counts characters, so a text of other than ASCII characters may be refused below these lengths.
"""

from collections.abc import Mapping
from typing import Any

from sonde.wire.affected import AffectedItem, AffectedUpload
from sonde.wire.commits import (
    MAX_BRANCH,
    MAX_CHANGES,
    MAX_COMMENT,
    MAX_MESSAGE,
    CommitRequest,
    FileAddition,
    FileChanges,
    FileDeletion,
)
from sonde.wire.executions import Execution, ExecutionData
from sonde.wire.instances import InstanceItem, InstanceStatus, InstancesUpload
from sonde.wire.locks import LeaveRequest, LockAllRequest, LockRequest, UnlockRequest, WaitRequest
from sonde.wire.sts import StsRequest

Schema = Mapping[str, Any]
# OWNER/REPOSITORY/STACK/COMPONENT without control characters; every part but the stack's beginning may hold slashes
KEY: Schema = {
    "maxLength": 512,
    "pattern": r"^[^/\x00-\x1f\x7f-\x9f]*/[^/\x00-\x1f\x7f-\x9f]*/[^/\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*/[^\x00-\x1f\x7f-\x9f]*$",
}
TTL: Schema = {"minimum": 1, "maximum": 86_400}
NAME: Schema = {"maxLength": 512}
FULL_NAME: Schema = {"minLength": 1, "maxLength": 512}
REPOSITORY = "^[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}$"
FILE: Schema = {
    "minLength": 1,
    "maxLength": 4096,
    "description": "relative, without . and .., outside .github/ and .git/",
}
BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
EXECUTION: Schema = {"minLength": 1, "maxLength": 200}

BOUNDS: Mapping[tuple[type[Any], str], Schema] = {
    (LockRequest, "key"): KEY,
    (LockRequest, "ttl"): TTL,
    (LockAllRequest, "keys"): {"minItems": 1, "maxItems": 100, "items": {"type": "string", **KEY}},
    (LockAllRequest, "ttl"): TTL,
    (LeaveRequest, "key"): KEY,
    (WaitRequest, "key"): KEY,
    (WaitRequest, "ttl"): TTL,
    (UnlockRequest, "key"): KEY,
    (AffectedUpload, "head_sha"): {"minLength": 1, "maxLength": 64},
    (AffectedItem, "stack"): NAME,
    (AffectedItem, "component"): NAME,
    (InstancesUpload, "repo_owner"): {"minLength": 1},
    (InstancesUpload, "repo_name"): {"minLength": 1},
    (InstanceItem, "stack"): FULL_NAME,
    (InstanceItem, "component"): FULL_NAME,
    (InstanceStatus, "exit_code"): {"minimum": -(2**31), "maximum": 2**31 - 1},
    (Execution, "execution_id"): EXECUTION,
    (ExecutionData, "execution_id"): EXECUTION,
    (ExecutionData, "data"): {"type": ["object", "array"]},
    (CommitRequest, "branch"): {"maxLength": MAX_BRANCH},
    (CommitRequest, "message"): {"minLength": 1, "maxLength": MAX_MESSAGE, "pattern": r"\S"},
    (CommitRequest, "comment"): {"maxLength": MAX_COMMENT},
    (FileChanges, "additions"): {"maxItems": MAX_CHANGES},
    (FileChanges, "deletions"): {"maxItems": MAX_CHANGES},
    (FileAddition, "path"): FILE,
    (FileAddition, "contents"): {"contentEncoding": "base64", "pattern": BASE64},
    (FileDeletion, "path"): FILE,
    (StsRequest, "policy_name"): {"pattern": "^[a-z0-9-]{1,64}$"},
    (StsRequest, "sources"): {"maxItems": 100, "items": {"type": "string", "pattern": REPOSITORY}},
}

_PART: Schema = {
    "required": ["batch_id", "batch_index", "batch_total"],
    "properties": {
        "batch_id": {"type": "string", "minLength": 1, "maxLength": 200},
        "batch_index": {"type": "integer", "minimum": 0, "maximum": 9_999},
        "batch_total": {"type": "integer", "minimum": 1, "maximum": 10_000},
    },
}
_WHOLE: Schema = {
    "properties": {
        "batch_id": {"anyOf": [{"type": "null"}, {"const": ""}]},
        "batch_index": {"type": "null"},
        "batch_total": {"type": "null"},
    }
}
_RAW_STATUS: Schema = {
    "required": ["command", "exit_code"],
    "properties": {
        "command": {"enum": ["apply", "deploy", "destroy", "plan", "remediate"]},
        "exit_code": {"type": "integer"},
    },
}
_OLD_STATUS: Schema = {
    "required": ["status"],
    "properties": {"command": {"type": "null"}, "status": {"enum": ["in_sync", "drifted"]}},
}

_ADDS: Schema = {"required": ["additions"], "properties": {"additions": {"type": "array", "minItems": 1}}}
_DELETES: Schema = {"required": ["deletions"], "properties": {"deletions": {"type": "array", "minItems": 1}}}

FORMS: Mapping[type[Any], tuple[Schema, ...]] = {  # of an object that is one of several things
    AffectedUpload: (_WHOLE, _PART),
    InstancesUpload: (_WHOLE, _PART),
    InstanceStatus: (_RAW_STATUS, _OLD_STATUS),
    FileChanges: (_ADDS, _DELETES),
}
NEEDED: Mapping[type[Any], frozenset[str]] = {  # fields that must be there although their class has a default
    InstancesUpload: frozenset({"repo_owner", "repo_name"}),
}
