"""The description of the API: made from the wire and the routes, committed as it is made, and shown by the server."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from twins import API, BODIES

from sonde.server.openapi import document, written
from sonde.server.wiring import EXCHANGE, OLD_PATHS, ROUTES, described
from sonde.wire.calls import CALLS
from sonde.wire.envelope import ErrorTag

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
API_DOCUMENT = json.loads(written(described()))
OPERATIONS = [
    (method, path, operation) for path, item in API_DOCUMENT["paths"].items() for method, operation in item.items()
]


def test_the_committed_description_is_the_one_that_the_code_makes():
    assert COMMITTED.read_text() == written(described()), "docs/openapi.json is old: renew it with `make openapi`"


def test_every_route_is_described_and_nothing_else():
    assert set(CALLS) == set(API)
    assert {call.old for call in CALLS.values()} - {""} == OLD_PATHS


def test_a_route_without_a_description_is_found():
    with pytest.raises(KeyError):
        document([("POST", "locks/steal", "locks:create")])


def resolved(value):
    if "$ref" not in value:
        return value
    _, _, kind, name = value["$ref"].split("/")
    return API_DOCUMENT["components"][kind][name]


def test_every_schema_is_valid():
    for schema in API_DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("kind", ["schemas", "responses", "headers"])
def test_every_part_is_used_and_every_one_that_is_named_exists(kind):
    named = set(re.findall(f'"#/components/{kind}/([^"]+)"', json.dumps(API_DOCUMENT)))
    assert named == set(API_DOCUMENT["components"][kind])


def test_every_error_tag_is_in_the_one_enum_with_what_it_means():
    listed = API_DOCUMENT["components"]["schemas"]["ErrorTag"]["oneOf"]
    assert [one["const"] for one in listed] == [
        str(tag) for tag in sorted(ErrorTag, key=[t["const"] for t in listed].index)
    ]
    assert {one["const"] for one in listed} == set(ErrorTag)
    assert all(len(one["description"]) > 10 for one in listed)


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_each_status_of_a_call_is_described_with_its_envelope(method, path, operation):
    assert {"200", "400", "413", "500", "503"} <= set(operation["responses"])
    for status, given in operation["responses"].items():
        answer = resolved(given)
        schema = answer["content"]["application/json"]["schema"]
        if status == "200":
            assert {"success", "status", "data", "traceId"} <= set(schema["required"])
            continue
        assert schema["allOf"][0] == {"$ref": "#/components/schemas/Refusal"}
        tags = schema["allOf"][1]["properties"]["errorTag"]["enum"]
        assert tags
        assert all(tag in answer["description"] for tag in tags)


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path in API if path in BODIES])
def test_the_bodies_that_our_tests_send_fit_the_description(method, path):
    if CALLS[method, path].request is None:
        return
    name = CALLS[method, path].request.__name__
    schema = {"$ref": f"#/components/schemas/{name}", "components": API_DOCUMENT["components"]}
    if method == "DELETE":
        return
    Draft202012Validator(schema).validate(BODIES[path])


def test_what_needs_no_session_says_so():
    open_calls = [path for _, path, operation in OPERATIONS if operation["security"] == []]
    assert open_calls == [f"/api/v1/{EXCHANGE[1]}"]
    assert len(OPERATIONS) == len(ROUTES) + 1 + 3  # the exchange, and three old paths
