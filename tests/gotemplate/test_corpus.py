"""The corpus of templates that the Go CLI rendered."""

import json
import os
from pathlib import Path

import pytest

from sonde.stacks.gotemplate import answer, filter_functions

ROOT = Path(__file__).resolve().parents[2]
CORPUS = (
    Path(os.environ.get("SONDE_CONFORMANCE_DIR", ROOT.parent / "shared" / "conformance")) / "templates" / "cases.jsonl"
)
FLOOR = 0.995


def requests():
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for mode in ("default", "error"):
            yield (
                row,
                mode,
                row.get(f"output_missingkey_{mode}", row.get("output")),
                row.get(f"error_missingkey_{mode}", row.get("error")),
            )


@pytest.mark.skipif(not CORPUS.exists(), reason="no conformance corpus: set SONDE_CONFORMANCE_DIR")
def test_the_corpus_renders_as_the_go_cli_renders_it():
    functions = filter_functions()
    wrong, texts, total = [], 0, 0
    for row, mode, output, error in requests():
        total += 1
        got = answer(
            {"template": row["template"], "context": json.loads(json.dumps(row["context"])), "missingkey": mode},
            functions,
        )
        if (error is None and got.get("output") != output) or (error is not None and "error" not in got):
            wrong.append((row["id"], mode))
        texts += error is not None and got.get("error") != error
    assert 1 - len(wrong) / total >= FLOOR, wrong
    assert texts <= 4
