"""A stand-in for Terraform, for machines that have none: it keeps a state file and pretends. Never used where one exists.

Understands what the client calls: `init`, `workspace select|new`, `plan`, `apply`, `version`. Its plan compares the var file
with the state; exit codes are Terraform's (`plan -detailed-exitcode`: 0 no changes, 2 changes).
"""

import json
import sys
import uuid
from pathlib import Path
from typing import Any

WORKSPACE_FILE = Path(".terraform/environment")


def _state_file() -> Path:
    backend = json.loads(Path("backend.tf.json").read_text())["terraform"]["backend"]["local"]
    name = WORKSPACE_FILE.read_text() if WORKSPACE_FILE.exists() else "default"
    return Path(backend["workspace_dir"]) / name / "terraform.tfstate"


def _wanted(words: list[str]) -> dict[str, Any]:
    file = next((words[index + 1] for index, word in enumerate(words) if word == "-var-file"), None)
    values: dict[str, Any] = json.loads(Path(file).read_text()) if file else {}
    return values


def _state() -> dict[str, Any]:
    file = _state_file()
    fresh = {"version": 4, "serial": 0, "lineage": str(uuid.uuid4()), "resources": [], "input": None}
    state: dict[str, Any] = json.loads(file.read_text()) if file.exists() else fresh
    return state


def main(words: list[str]) -> int:
    """One call of the pretended Terraform; returns its exit code."""
    verb = words[0] if words else ""
    if verb == "workspace":
        WORKSPACE_FILE.parent.mkdir(exist_ok=True)
        WORKSPACE_FILE.write_text(words[-1])
    elif verb == "plan":
        changed = _state()["input"] != _wanted(words)
        print("Stand-in: would change the resource." if changed else "Stand-in: no changes.")
        return 2 if changed and "-detailed-exitcode" in words else 0
    elif verb == "apply":
        state = _state()
        kept = {"type": "terraform_data", "name": "this", "instances": [{}]}
        state |= {"serial": state["serial"] + 1, "input": _wanted(words), "resources": [kept]}
        _state_file().parent.mkdir(parents=True, exist_ok=True)
        _state_file().write_text(json.dumps(state, indent=2))
        print("Stand-in: Apply complete!")
    else:
        print(f"Stand-in: {verb} pretended.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
