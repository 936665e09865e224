"""Cut GitHub's published descriptions down to what we test against: `cut.py FOLDER_OF_ORIGINALS`.

Validation keeps all it needs; prose, examples inside schemas and extensions go. See README.md for sources.
"""

import json
import sys
from pathlib import Path

from jsonschema import Draft7Validator

HERE = Path(__file__).parent
EVENTS = (
    "check_run",
    "installation",
    "installation_repositories",
    "issue_comment",
    "merge_group",
    "ping",
    "pull_request",
    "pull_request_review",
    "push",
    "release",
    "repository",
    "workflow_dispatch",
    "workflow_job",
    "workflow_run",
)
PROSE = ("description", "summary", "title", "tags", "externalDocs", "example", "deprecated")


def stripped(node):
    if isinstance(node, list):
        return [stripped(item) for item in node]
    if not isinstance(node, dict):
        return node
    # a property may be named `description` too; then its value is a schema, and stays
    kept = {key: value for key, value in node.items() if key not in PROSE or isinstance(value, dict)}
    return {key: stripped(value) for key, value in kept.items() if key != "examples" and not key.startswith("x-")}


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def definitions(schema):
    """The definitions of our events and all that they refer to."""
    every, open_, needed = schema["definitions"], [], set()
    open_ = [name for name in every if name.partition("$")[0] in EVENTS and "$" in name]
    while open_:
        name = open_.pop()
        if name not in needed:
            needed.add(name)
            open_.extend(references(every[name]))
    return {name: stripped(every[name]) for name in every if name in needed}


def examples(every, schema):
    """One payload of each event and action: the first that the schema accepts, since some are older than it."""
    chosen = {}
    for event in every:
        for payload in event["examples"]:
            name = f"{event['name']}.{payload.get('action', '')}".rstrip(".")
            definition = f"#/definitions/{event['name']}${payload.get('action', 'event')}"
            if event["name"] in EVENTS and Draft7Validator({**schema, "$ref": definition}).is_valid(payload):
                chosen.setdefault(name, payload)
    return chosen


def lines(mapping):
    """JSON with one line an entry, so that a newer cut can be reviewed."""
    rows = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in mapping.items()]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def main(originals):
    openapi = json.loads((originals / "openapi.json").read_text())
    info = openapi["info"]
    openapi = stripped(openapi) | {"info": info}
    (HERE / "openapi.json").write_text(lines(openapi))
    schema = json.loads((originals / "webhook-schema.json").read_text())
    cut = {"$schema": schema["$schema"], "definitions": definitions(schema)}
    (HERE / "webhook-schema.json").write_text(lines(cut))
    payloads = json.loads((originals / "webhook-examples.json").read_text())
    (HERE / "webhook-examples.json").write_text(lines(examples(payloads, cut)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
