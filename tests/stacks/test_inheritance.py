"""Base components (stacks.md §4.1)."""

import pytest
from repository import engine

from sonde.stacks.engine import Options
from sonde.stacks.errors import StacksError


def sections(tmp_path, components, component="c"):
    text = "vars: {stage: dev, from: stack}\ncomponents:\n  terraform:\n" + "".join(
        f"    {line}\n" for line in components
    )
    return engine(tmp_path, {"deploy/dev.yaml": text}).component(component, "dev", Options())


def test_the_last_base_wins_and_own_values_win_over_all(tmp_path):
    found = sections(
        tmp_path,
        [
            "b1: {metadata: {type: abstract}, vars: {x: b1, y: b1, z: b1}}",
            "b2: {metadata: {type: abstract}, vars: {x: b2, y: b2}}",
            "c: {metadata: {inherits: [b1, b2]}, vars: {x: own}}",
        ],
    )
    assert found["vars"] == {"stage": "dev", "from": "stack", "x": "own", "y": "b2", "z": "b1"}
    assert found["inheritance"] == ["b2", "b1"]


def test_a_base_reached_twice_is_applied_again(tmp_path):
    found = sections(
        tmp_path,
        [
            "b0: {vars: {x: b0}}",
            "b2: {metadata: {inherits: [b0]}, vars: {x: b2}}",
            "c: {metadata: {inherits: [b2, b0]}}",
        ],
    )
    assert found["vars"]["x"] == "b0"


def test_metadata_is_inherited_save_for_type_and_inherits(tmp_path):
    found = sections(
        tmp_path, ["b: {metadata: {type: abstract, locked: true, tags: [x]}}", "c: {metadata: {inherits: [b]}}"]
    )
    assert found["metadata"] == {"inherits": ["b"], "locked": True, "tags": ["x"]}


def test_a_scalar_comes_from_the_last_base_even_if_that_one_is_silent(tmp_path):
    found = sections(
        tmp_path,
        ["b1: {backend_type: s3, backend: {s3: {bucket: b}}}", "b2: {}", "c: {metadata: {inherits: [b1, b2]}}"],
    )
    assert (found["backend_type"], found["backend"]) == ("", {})


def test_an_unknown_base_is_an_error_that_names_both(tmp_path):
    with pytest.raises(StacksError, match="inherits from 'nope'"):
        sections(tmp_path, ["c: {metadata: {inherits: [nope]}}"])


def test_a_cycle_is_an_error_that_shows_the_chain(tmp_path):
    with pytest.raises(StacksError, match="c -> d -> c"):
        sections(tmp_path, ["c: {metadata: {inherits: [d]}}", "d: {metadata: {inherits: [c]}}"])


def test_a_component_that_names_itself_as_base_inherits_nothing(tmp_path):
    assert sections(tmp_path, ["c: {metadata: {inherits: [c]}, vars: {x: 1}}"])["inheritance"] == []


def test_the_folder_is_the_own_metadata_component_never_an_inherited_one(tmp_path):
    found = sections(tmp_path, ["b: {metadata: {component: folder}}", "c: {metadata: {inherits: [b]}}"])
    assert (found["component"], found["metadata"]["component"]) == ("c", "folder")
