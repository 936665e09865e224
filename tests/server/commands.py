"""Running `sonde admin …` in a test: in an environment of its own, and what it answered."""

import io
import json
import os

from sonde.cli import errors
from sonde.main import cli


def own_environment(monkeypatch, tmp_path):
    """No setting of the machine's, and a data folder of the test's own."""
    for name in list(os.environ):
        if name.startswith("SONDE_") and not name.startswith("SONDE_TEST"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SONDE_DATA_DIR", str(tmp_path / "data"))
    return monkeypatch


def runner(capsys):
    """Run `sonde admin …`; exit code, standard output, standard error."""

    def run(*argv):
        err = io.StringIO()
        capsys.readouterr()  # what a server beside it has logged
        code = errors.run(cli, ["admin", *argv], prog="sonde", env={}, stderr=err)
        return code, capsys.readouterr().out, err.getvalue()

    return run


def facts(answer):
    code, out, err = answer
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    return json.loads(out)


def refused(answer, *words):
    """Exit code 1, nothing on standard output, one sentence that holds `words`."""
    code, out, err = answer
    assert (code, out) == (1, "")
    assert err.startswith("\n# ")
    assert "Traceback" not in err
    for word in words:
        assert word in err, err
