"""Terraform's JSON syntax read as its native one is."""

import pytest

from sonde.stacks import terraform_config
from sonde.stacks.errors import StacksError
from sonde.stacks.tree import WorkingTree

JSON = """{
\t"//": "tabs and comments are fine",
\t"variable": {"size": {"type": "number", "default": 3}, "name": {"description": "who", "sensitive": true}},
  "terraform": {"required_version": ">= 1.5", "required_providers": {"aws": {"source": "hashicorp/aws"}}},
  "resource": {
    "aws_s3_bucket": {"one": [{"bucket": "a"}], "two": {"provider": "aws.eu"}}
  },
  "module": {"label": {"source": "../label"}},
  "locals": {"x": 1}
}"""
NATIVE = """
variable "size" {
  type    = number
  default = 3
}
variable "name" {
  description = "who"
  sensitive   = true
}
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
resource "aws_s3_bucket" "one" { bucket = "a" }
resource "aws_s3_bucket" "two" { provider = aws.eu }
module "label" { source = "../label" }
"""


def interface(folder, name, text):
    folder.mkdir()
    (folder / name).write_text(text)
    return terraform_config.load(WorkingTree(folder), str(folder), "vpc", {})


def placeless(value):
    if isinstance(value, dict):
        return {key: placeless(each) for key, each in value.items() if key not in ("pos", "path")}
    return value


def test_both_syntaxes_declare_the_same(tmp_path):
    found = interface(tmp_path / "json", "main.tf.json", JSON)
    assert placeless(found) == placeless(interface(tmp_path / "native", "main.tf", NATIVE))
    assert found["managed_resources"]["aws_s3_bucket.two"]["pos"]["line"] == 6


def test_the_source_of_a_module_that_is_no_literal_is_no_path(tmp_path):
    found = interface(tmp_path / "a", "main.tf.json", '{"module": {"m": {"source": "./${var.x}"}}}')
    assert found["module_calls"]["m"]["source"] == "./${var.x}"


@pytest.mark.parametrize(("text", "place"), [('{"module":\n', "2"), ("[]", "1")])
def test_what_is_no_json_object_is_an_error_with_its_place(tmp_path, text, place):
    with pytest.raises(StacksError, match=rf"main\.tf\.json:{place}"):
        interface(tmp_path / "a", "main.tf.json", text)
