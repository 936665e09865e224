"""The files that Terraform finds."""

import json
import stat

import pytest

from sonde.cli.errors import CliError
from sonde.cli.tf import files, hcl
from sonde.stacks.errors import StacksError


def test_a_file_is_sorted_indented_and_for_its_owner_alone(tmp_path):
    files.write(tmp_path / "x.json", {"b": 1, "a": {"é": None}})
    assert (tmp_path / "x.json").read_text() == '{\n  "a": {\n    "é": null\n  },\n  "b": 1\n}\n'
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_a_backend_is_a_block_of_its_kind():
    assert files.backend("s3", {"bucket": "b"}, "dev") == {"terraform": {"backend": {"s3": {"bucket": "b"}}}}


def test_terraform_cloud_is_its_own_block_with_the_workspace_filled_in():
    settings = {"organization": "o", "workspaces": {"name": "x-{terraform_workspace}"}}
    content = files.backend("cloud", settings, "dev")
    assert content == {"terraform": {"cloud": {"organization": "o", "workspaces": {"name": "x-dev"}}}}


def test_a_backend_without_a_kind_is_an_error_with_a_next_step():
    with pytest.raises(StacksError, match="backend_type is required"):
        files.backend("", {}, "dev")


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"aws": {"region": "a"}}, {"aws": {"region": "a"}}),
        ({"aws": {"region": "a"}, "aws.w": {"region": "b"}}, {"aws": [{"region": "a"}, {"alias": "w", "region": "b"}]}),
        ({"aws.w": {"region": "b"}}, {"aws": [{"alias": "w", "region": "b"}]}),
    ],
)
def test_an_alias_makes_a_list_of_a_providers_configurations(given, written):
    assert json.loads(files.as_json(files.providers(given))) == {"provider": written}


def test_a_terraform_file_has_blocks_where_terraform_has_them():
    written = hcl.document(
        {
            "resource": {"null_resource": {"a": {"triggers": {"x": 1}}}},
            "locals": {"tags": {"team": "core"}},
            "other": {"k": [1]},
        }
    )
    assert written == (
        'locals {\n  tags = {\n    team = "core"\n  }\n}\n'
        "other = {\n  k = [1]\n}\n"
        'resource "null_resource" "a" {\n  triggers = {\n    x = 1\n  }\n}\n'
    )
    with pytest.raises(CliError, match='variable "size" must be a map'):
        hcl.document({"variable": {"size": 3}})


def test_listed_settings_stand_apart():
    assert hcl.spaced({"b": {"k": "v"}, "a": None}) == 'a = null\n\nb = {\n  "k" = "v"\n}'


def test_numbers_that_json_does_not_have_are_refused_and_the_old_file_stays(tmp_path):
    files.write(tmp_path / "x.json", {"a": 1})
    with pytest.raises(StacksError, match="unsupported value"):
        files.write(tmp_path / "x.json", {"a": float("nan")})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
