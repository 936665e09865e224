"""The corpus filter: JSON lines `{"yaml"}` in, `{"json"}` (keys as strings) or `{"error"}` out."""

import json
import math
import sys
from typing import Any

from sonde.stacks.goyaml import Tagged, YamlError, load_mapping
from sonde.stacks.goyaml.gotext import json_float


def plain(value: Any) -> Any:
    """A loaded value as JSON prints it: functions as their text, whole floats as integers."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Tagged):
        if value.tag in ("!include", "!include.raw"):
            raise YamlError(f"failed to find file: {value.value}")
        return plain(value.value) if isinstance(value.value, list) else value.text
    if isinstance(value, float):
        if not math.isfinite(value):
            raise YamlError(f"unsupported value: {'NaN' if math.isnan(value) else '+Inf' if value > 0 else '-Inf'}")
        return int(json_float(value)) if value.is_integer() and abs(value) < 1e21 else value
    return value


def answer(line: str) -> dict[str, Any]:
    try:
        return {"json": plain(load_mapping(json.loads(line)["yaml"], name="").value)}
    except YamlError as error:
        return {"error": error.message}


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(answer(line)), flush=True)


if __name__ == "__main__":
    main()
