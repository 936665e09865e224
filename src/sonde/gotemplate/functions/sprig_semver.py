"""sprig: semantic versions."""

from collections.abc import Mapping

from sonde.gotemplate.functions import constraints, semver
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.values import GoFunc


def table(host: Host) -> Mapping[str, GoFunc]:  # noqa: ARG001  one signature for all libraries
    """The functions of this library by name."""
    return {
        "semver": GoFunc(semver.parse, "string"),
        "semverCompare": GoFunc(constraints.check, "string", "string"),
    }
