"""Stack names and Terraform workspaces (stacks.md §2, §4.6)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sonde.stacks import templates
from sonde.stacks.errors import StacksError, TitledError
from sonde.stacks.merge import Section
from sonde.stacks.project import Project

_PARTS = ("namespace", "tenant", "environment", "stage")
_ARTICLE = {"environment": "an"}


@dataclass(frozen=True)
class Context:
    """The tokens that patterns may use, read from vars."""

    namespace: str = ""
    tenant: str = ""
    environment: str = ""
    stage: str = ""
    region: str = ""
    attributes: tuple[Any, ...] = ()
    component: str = ""
    base_component: str = ""


def context_of(variables: Mapping[str, Any]) -> Context:
    """The context that a component's vars give; values that are not strings count as absent."""
    texts = {name: value for name in (*_PARTS, "region") if isinstance(value := variables.get(name), str)}
    attributes = variables.get("attributes")
    return Context(**texts, attributes=tuple(attributes) if isinstance(attributes, list) else ())


def from_pattern(pattern: str, context: Context, stack: str, file: str) -> str:
    """The tokens of `{tenant}-{stage}` filled in; literal parts are dropped. Raises when a value is missing."""
    found = []
    for part in pattern.split("-"):
        name = part[1:-1]
        if part != f"{{{name}}}" or name not in _PARTS:
            continue
        value = getattr(context, name)
        if not value:
            raise TitledError(
                "stack name pattern references a context part that is not defined in the stack file",
                f"the stack name pattern '{pattern}' specifies '{name}', but the stack '{stack}' does not have {_ARTICLE.get(name, 'a')} {name} "
                f"defined in the stack file '{file}'",
            )
        found.append(value)
    return "-".join(found)


def stack_name(project: Project, file: str, explicit: str, sections: Section) -> tuple[str, Context]:
    """Name and context of the stack a component lives in: `name` > name_template > name_pattern > file (stacks.md §2)."""
    if explicit:
        return explicit, Context()
    if project.name_template:
        return _from_template(project, "describe-stacks-name-template", sections, ignore_missing=False), Context()
    if project.name_pattern:
        context = context_of(sections.get("vars") or {})
        try:
            return from_pattern(project.name_pattern, context, file, file), context
        except StacksError:
            return file, context
    return file, Context()


def component_context(project: Project, file: str, explicit: str, sections: Section) -> tuple[str, Context]:
    """The same for `describe component`: a missing value is an error, and tokens know component and base component."""
    ignore = project.ignore_missing_values
    if explicit:
        return explicit, context_of(sections.get("vars") or {})
    if project.name_template:
        return _from_template(project, "name-template", sections, ignore_missing=ignore), Context()
    if project.name_pattern:
        context = context_of(sections.get("vars") or {})
        return from_pattern(project.name_pattern, context, file, file), context
    return file, Context()


def _from_template(project: Project, name: str, sections: Section, *, ignore_missing: bool) -> str:
    rendering = templates.Rendering(project.library, name, "default" if ignore_missing else "error")
    try:
        return templates.render_text(project.name_template, sections, rendering)
    except templates.TemplateError as error:
        raise StacksError(str(error)) from error


@dataclass(frozen=True)
class Place:
    """Where a component stands when its workspace is computed."""

    stack: str
    explicit: str
    context: Context
    metadata: Section
    backend_type: str
    rendered: str = ""  # the name template's result, where it is known


def workspace(project: Project, place: Place, sections: Section) -> str:
    """The Terraform workspace (stacks.md §4.6)."""
    if place.backend_type == "http" or not project.workspaces_enabled:
        return "default"
    metadata = place.metadata
    template, pattern, fixed = (
        metadata.get(f"terraform_workspace{suffix}") for suffix in ("_template", "_pattern", "")
    )
    if isinstance(template, str):
        name = _render(project, template, sections)
    elif isinstance(pattern, str):
        name = fill_tokens(place.context, pattern)
    elif isinstance(fixed, str):
        name = fixed
    else:
        name = _prefix(project, place, sections)
        if place.context.base_component:
            name = f"{name}-{place.context.component}"
    return name.replace("/", "-")


def _prefix(project: Project, place: Place, sections: Section) -> str:
    if place.explicit:
        return place.explicit
    if project.name_template:
        if place.rendered and "atmos" not in project.name_template:
            return place.rendered  # nothing that the template can see has changed since
        name = "terraform-workspace-stacks-name-template"
        return _from_template(project, name, sections, ignore_missing=project.ignore_missing_values)
    if project.name_pattern:
        try:
            return from_pattern(project.name_pattern, place.context, place.stack, place.stack)
        except StacksError:
            return place.stack
    return place.stack


def _render(project: Project, template: str, sections: Section) -> str:
    rendering = templates.Rendering(project.library, "terraform-workspace-template", "error")
    try:
        return templates.render_text(template, sections, rendering)
    except templates.TemplateError as error:
        raise StacksError(str(error)) from error


def fill_tokens(context: Context, pattern: str) -> str:
    """A pattern with `{stage}`, `{component}` and their like filled in."""
    values = {
        "{base-component}": context.base_component,
        "{component}": context.component,
        "{component-path}": "",
        "{workspace}": "",
        "{terraform_workspace}": "",
        "{attributes}": "-".join(str(each) for each in context.attributes),
    } | {f"{{{name}}}": getattr(context, name) for name in (*_PARTS, "region")}
    for token, value in values.items():
        pattern = pattern.replace(token, value)
    return pattern


def with_component(context: Context, component: str, folder: str) -> Context:
    """The context with the component, and its base where the folder is another one."""
    return replace(context, component=component, base_component=folder if folder != component else "")
