"""A component's interface as its .tf files declare it: variables, outputs, resources, modules (stacks.md §8.2)."""

from typing import Any

from sonde.stacks import hcl, hcl_json
from sonde.stacks.errors import StacksError
from sonde.stacks.hcl import Attribute, Block
from sonde.stacks.merge import Section
from sonde.stacks.tree import Tree


class HclError(StacksError):
    """A component's files are not valid HCL."""


def load(tree: Tree, folder: str, component: str, sections: Section) -> Section | None:
    """The module in a folder; None when there is no folder. Raises HclError naming component, file and line."""
    files = [
        name
        for name, is_folder in tree.entries(folder)
        if not is_folder and name.endswith((".tf", ".tf.json")) and not _skipped(name)
    ]
    if not files and not tree.exists(folder):
        return None
    module = empty(folder)
    ordered = sorted(files, key=lambda name: (_is_override(name), name))
    for name in ordered:
        path = f"{folder}/{name}"
        try:
            parse = hcl_json.parse if name.endswith(".json") else hcl.parse
            content = parse(tree.read_bytes(path).decode("utf-8", "replace"), path)
            for block in content.blocks:
                _check_types(block, path)
        except StacksError as error:
            where = error.message.partition(": ")[0]
            raise HclError(
                "failed to load terraform component\n\n"
                f"The Terraform component '{component}' contains invalid HCL code at {where}.\n{error.message}",
                hints=[
                    f"Run 'atmos terraform validate {component} -s {sections.get('atmos_stack', '')}' to see more details."
                ],
            ) from error
        for block in content.blocks:
            reader = _READERS.get(block.type)
            if reader:
                reader(module, block, path)
    return {key: value for key, value in module.items() if value or key not in ("required_core", "provider_configs")}


def empty(folder: str) -> Section:
    """A component without any .tf file, in the shape of `load`."""
    return {
        "path": folder,
        "variables": {},
        "outputs": {},
        "required_core": [],
        "required_providers": {},
        "provider_configs": {},
        "managed_resources": {},
        "data_resources": {},
        "module_calls": {},
    }


def _skipped(name: str) -> bool:
    return name.startswith((".", "#")) or name.endswith("~")


def _is_override(name: str) -> bool:
    stem = name.removesuffix(".json").removesuffix(".tf")
    return stem == "override" or stem.endswith("_override")


def _position(block: Block, path: str) -> Section:
    return {"filename": path, "line": block.line}


# Attributes whose value must be of a type when it is a literal.
_TYPES: dict[tuple[str, str], tuple[type, str]] = {
    ("variable", "sensitive"): (bool, "bool"),
    ("output", "sensitive"): (bool, "bool"),
    ("variable", "description"): (str, "string"),
    ("output", "description"): (str, "string"),
    ("module", "source"): (str, "string"),
    ("module", "version"): (str, "string"),
    ("terraform", "required_version"): (str, "string"),
}
_NAMES = {list: "tuple", dict: "object", bool: "bool", int: "number", float: "number", str: "string"}


def _check_types(block: Block, path: str) -> None:
    for attribute in block.attributes.values():
        wanted = _TYPES.get((block.type, attribute.name))
        if (
            wanted
            and attribute.is_literal
            and type(attribute.value) in _NAMES
            and not isinstance(attribute.value, wanted[0])
        ):
            have = _NAMES[type(attribute.value)]
            raise StacksError(
                f"{path}:{attribute.line}: Unsuitable value type: Unsuitable value: {wanted[1]} required, but have {have}"
            )


def _value(block: Block, name: str) -> Any:
    attribute = block.attributes.get(name)
    return attribute.value if attribute and attribute.is_literal else None


def _texts(block: Block, *names: str) -> Section:
    return {name: value for name in names if isinstance(value := _value(block, name), str) and value}


def _variable(module: Section, block: Block, path: str) -> None:
    name = block.labels[0] if block.labels else ""
    found = module["variables"].setdefault(
        name, {"name": name, "default": None, "required": True, "pos": _position(block, path)}
    )
    found |= _texts(block, "description")
    kind = block.attributes.get("type")
    if kind:
        found["type"] = str(kind.value) if kind.is_literal else kind.text.strip()
    if "default" in block.attributes:
        found["default"], found["required"] = _value(block, "default"), False
    if _value(block, "sensitive") is True:
        found["sensitive"] = True


def _output(module: Section, block: Block, path: str) -> None:
    name = block.labels[0] if block.labels else ""
    found = module["outputs"].setdefault(name, {"name": name, "pos": _position(block, path)})
    found |= _texts(block, "description")
    if _value(block, "sensitive") is True:
        found["sensitive"] = True


def _resource(module: Section, block: Block, path: str) -> None:
    if len(block.labels) != 2:
        return
    kind, name = block.labels
    data = block.type == "data"
    provider = _provider_reference(block.attributes.get("provider"), kind)
    module["required_providers"].setdefault(provider["name"], {})
    found = {
        "mode": "data" if data else "managed",
        "type": kind,
        "name": name,
        "provider": provider,
        "pos": _position(block, path),
    }
    module["data_resources" if data else "managed_resources"][f"{'data.' if data else ''}{kind}.{name}"] = found


def _provider_reference(attribute: Attribute | None, kind: str) -> Section:
    if attribute is None:
        return {"name": kind.partition("_")[0]}
    name, _, alias = (attribute.value if attribute.is_literal else attribute.text).strip().partition(".")
    return {"name": name} | ({"alias": alias} if alias else {})


def _module(module: Section, block: Block, path: str) -> None:
    name = block.labels[0] if block.labels else ""
    attribute = block.attributes.get("source")
    found = {"name": name, "source": _source(attribute) if attribute else "", "pos": _position(block, path)}
    module["module_calls"][name] = found | _texts(block, "version")


def _source(attribute: Attribute) -> str:
    """The source's value; the expression as written, quotes included, where it is no literal."""
    if attribute.is_literal:
        return attribute.value if isinstance(attribute.value, str) else ""
    return attribute.text


def _provider(module: Section, block: Block, path: str) -> None:
    del path
    name = block.labels[0] if block.labels else ""
    alias = _texts(block, "alias")
    key = f"{name}.{alias['alias']}" if alias else name
    module["provider_configs"][key] = {"name": name} | alias
    requirement = module["required_providers"].setdefault(name, {})
    version = _value(block, "version")
    if isinstance(version, str) and version:
        requirement.setdefault("version_constraints", []).append(version)


def _terraform(module: Section, block: Block, path: str) -> None:
    del path
    version = _value(block, "required_version")
    if isinstance(version, str):
        module["required_core"].append(version)
    for inner in block.blocks:
        if inner.type == "required_providers":
            for name, attribute in inner.attributes.items():
                _requirement(module["required_providers"].setdefault(name, {}), attribute)


def _requirement(found: Section, attribute: Attribute) -> None:
    value = attribute.value if attribute.is_literal else {}
    if isinstance(value, str):
        value = {"version": value}
    if not isinstance(value, dict):
        return
    if value.get("source"):
        found["source"] = value["source"]
    if value.get("version"):
        found.setdefault("version_constraints", []).append(value["version"])


_READERS = {
    "variable": _variable,
    "output": _output,
    "resource": _resource,
    "data": _resource,
    "module": _module,
    "provider": _provider,
    "terraform": _terraform,
}
