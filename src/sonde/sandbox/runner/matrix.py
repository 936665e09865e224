"""`strategy.matrix`: the combinations of a job (GitHub docs, "Running variations of jobs in a workflow")."""

from itertools import product
from typing import Any

from sonde.sandbox.runner.model import ExpressionError

MAX_LEGS = 256
SPECIAL = ("include", "exclude")


def combinations(matrix: Any) -> list[dict[str, Any]]:
    """The values of `matrix` for each leg, in order. `matrix` is evaluated; ExpressionError if it makes no sense."""
    if not isinstance(matrix, dict):
        raise ExpressionError("strategy.matrix is not a mapping")
    for name, values in matrix.items():
        if not isinstance(values, list) or (not values and name not in SPECIAL):
            raise ExpressionError(f"Matrix vector '{name}' does not contain any values")
    for special in SPECIAL:
        if not all(isinstance(item, dict) for item in matrix.get(special, [])):
            raise ExpressionError(f"matrix.{special} is a list of mappings")
    vectors = {name: values for name, values in matrix.items() if name not in SPECIAL}
    originals = [dict(zip(vectors, values, strict=True)) for values in product(*vectors.values())] if vectors else []
    originals = [leg for leg in originals if not any(leg.items() >= out.items() for out in matrix.get("exclude", []))]
    legs = with_includes(originals, matrix.get("include", []))
    if not legs:
        raise ExpressionError("strategy.matrix has no combination left")
    if len(legs) > MAX_LEGS:
        raise ExpressionError(f"strategy.matrix has {len(legs)} combinations, GitHub allows {MAX_LEGS}")
    return legs


def with_includes(originals: list[dict[str, Any]], includes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An include widens each combination whose own values it leaves alone; if there is none, it is one of its own."""
    widened = [dict(leg) for leg in originals]
    alone = []
    for include in includes:
        fitting = [
            at for at, leg in enumerate(originals) if all(leg[key] == include[key] for key in leg.keys() & include)
        ]
        for at in fitting:
            widened[at] |= include
        if not fitting:
            alone.append(dict(include))
    return widened + alone
