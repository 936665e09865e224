"""The `atmos` namespace of templates at the component stage (stacks.md §5.2)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sonde.gotemplate import FunctionError, GoFunc
from sonde.gotemplate import functions as libraries
from sonde.stacks.errors import StacksError

if TYPE_CHECKING:
    from sonde.stacks.rendering import Environment

PLAIN: Mapping[str, Any] = {"collectKeys": libraries.collect_keys}


def namespace(env: "Environment") -> Mapping[str, Any]:
    """`atmos.Component`, `atmos.Resolve`, `atmos.Store`, `atmos.GomplateDatasource`."""

    def component(name: str, stack: str) -> Any:
        from sonde.stacks import terraform_values

        try:
            return terraform_values.described(env.engine, name, stack)
        except StacksError as error:
            raise FunctionError(error.message) from error

    def resolve(text: str) -> Any:
        from sonde.stacks import functions

        caller = functions.Caller(env.engine, str(env.sections.get("atmos_stack") or ""), env.sections, ())
        try:
            return functions.evaluate(text, caller)
        except StacksError as error:
            raise FunctionError(error.message) from error

    def store(name: str, stack: str, component: str, key: str) -> Any:
        del stack, component, key
        raise FunctionError(f"store '{name}' not found")

    def datasource(alias: str, *args: str) -> Any:
        del args
        raise FunctionError(f"data source '{alias}' is not read: Sonde's templates have no network")

    return {
        "Component": GoFunc(component, "string", "string", name="Component"),
        "Resolve": GoFunc(resolve, "string", name="Resolve"),
        "Store": GoFunc(store, "string", "string", "string", "string", name="Store"),
        "GomplateDatasource": GoFunc(datasource, "string", "...string", name="GomplateDatasource"),
    }
