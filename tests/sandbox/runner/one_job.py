"""A workflow of one job, written from the scripts of its steps."""

import textwrap


def steps(*scripts):
    """A one-job workflow with these scripts as its steps."""
    lines = ["jobs:", "  a:", "    runs-on: x", "    steps:"]
    for script in scripts:
        lines += ["      - run: |", *("          " + line for line in textwrap.dedent(script).strip().split("\n"))]
    return "\n".join(lines)
