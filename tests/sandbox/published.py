"""GitHub's published descriptions as validators: OpenAPI for requests and replies, JSON schema for webhooks."""

import json
import re
from functools import cache
from pathlib import Path

import jsonschema
from jsonschema import Draft7Validator, FormatChecker

DATA = Path(__file__).resolve().parent.parent / "data" / "github"
FORMATS = FormatChecker(formats=())
# Refusals that GitHub gives on any route without saying so in each
GENERAL = {"400", "401", "403", "404", "422", "429", "500", "502", "503"}


@FORMATS.checks("date-time")
def is_time(value):
    return not isinstance(value, str) or bool(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value)
    )


@FORMATS.checks("uri")
def is_uri(value):
    return not isinstance(value, str) or bool(re.fullmatch(r"[a-z]+://[^\s{}]+", value))


@FORMATS.checks("email")
def is_email(value):
    return not isinstance(value, str) or "@" in value


def json_schema(node):
    """OpenAPI 3.0 says `nullable: true` where JSON schema has a type or alternative of its own."""
    if isinstance(node, list):
        return [json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    # alternatives overlap in this description (a refusal fits several), so one of them is any of them
    plain = {key.replace("oneOf", "anyOf"): json_schema(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


@cache
def openapi():
    whole = json_schema(json.loads((DATA / "openapi.json").read_text()))
    content = whole["paths"]["/app/installations"]["get"]["responses"]["200"]["content"]["application/json"]
    # a slip of the description: here alone an account must be a user *and* an enterprise, elsewhere either
    content["schema"]["items"] = {"$ref": "#/components/schemas/installation"}
    return whole


@cache
def webhooks():
    return json.loads((DATA / "webhook-schema.json").read_text())


@cache
def examples():
    return json.loads((DATA / "webhook-examples.json").read_text())


def follow(node):
    while "$ref" in node:
        found = openapi()
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def operation(method, path):
    """(template, operation) of a request; a template without variables wins over one with."""
    fitting = [
        template
        for template, methods in openapi()["paths"].items()
        if method.lower() in methods and re.fullmatch(shape(template), path)
    ]
    assert fitting, f"GitHub's description has no {method} {path}"
    template = min(fitting, key=lambda one: (one.count("{"), -len(one)))
    return template, openapi()["paths"][template][method.lower()]


def shape(template):
    def group(found):
        return ".+" if found[1] in ("path", "ref", "branch") else "[^/]+"

    return re.sub(r"\{(\w+)\}", group, template)


def check(schema, document, what):
    whole = {"components": openapi()["components"], **schema}
    problems = list(Draft7Validator(whole, format_checker=FORMATS).iter_errors(document))
    if problems:
        best = jsonschema.exceptions.best_match(problems)
        raise AssertionError(f"{what}: at {best.json_path}: {best.message[:500]}")


def check_exchange(method, path, sent, status, got):
    """Hold one request and its reply against the description. `sent` and `got` are JSON or None."""
    template, op = operation(method, path)
    what = f"{method} {template}"
    body = op.get("requestBody")
    if body and sent is not None and status < 400:
        check(follow(body)["content"]["application/json"]["schema"], sent, f"request of {what}")
    if str(status) in op["responses"]:
        content = follow(op["responses"][str(status)]).get("content", {})
        if "application/json" in content:
            check(content["application/json"]["schema"], got, f"reply {status} of {what}")
        elif status < 300:
            assert got in (None, {}), f"reply {status} of {what} should have no body"
    else:
        assert str(status) in GENERAL, f"{what} never answers {status}: {sorted(op['responses'])}"
    if status >= 400:
        check({"$ref": "#/components/schemas/basic-error"}, got, f"refusal {status} of {what}")


def check_webhook(event, payload):
    action = payload.get("action")
    name = f"{event}${action or 'event'}"
    assert name in webhooks()["definitions"], f"GitHub has no webhook {name}"
    schema = {**webhooks(), "$ref": f"#/definitions/{name}"}
    problems = list(Draft7Validator(schema, format_checker=FORMATS).iter_errors(payload))
    if problems:
        best = jsonschema.exceptions.best_match(problems)
        raise AssertionError(f"{name}: at {best.json_path}: {best.message[:500]}")
