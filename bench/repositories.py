"""Repositories of a given size, made by the corpus's generator."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Size:
    """`stacks` times `components` instances; each has an abstract base as well, so twice as many entries."""

    stacks: int
    components: int

    def __str__(self) -> str:
        return f"{self.stacks}x{self.components}"

    @property
    def entries(self) -> int:
        return 2 * self.stacks * self.components


def size(text: str) -> Size:
    """`50x20` is 50 stacks of 20 components. Raises ValueError."""
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise ValueError(f"{text!r} is no size; one looks like 50x20, 50 stacks of 20 components")
    return Size(int(match[1]), int(match[2]))


def generator() -> Path | None:
    """gen_repo.py of the corpus, or None where there is no corpus."""
    corpus = Path(os.environ.get("SONDE_CONFORMANCE_DIR") or ROOT.parent / "shared" / "conformance")
    return corpus / "gen_repo.py" if (corpus / "gen_repo.py").is_file() else None


def make(script: Path, wanted: Size, folder: Path) -> Path:
    """A git repository with the branch `main`, checked out at `feature`, whose remote's default branch is `main`."""
    out = folder / str(wanted)
    words = ["--components", str(wanted.components), "--stacks", str(wanted.stacks), "--import-depth", "4"]
    subprocess.run([sys.executable, str(script), *words, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
    return out


def a_stack(repository: Path) -> tuple[Path, str]:
    """The manifest of the first stack and its name, as `name_template` of the generated atmos.yaml makes it."""
    manifest = min((repository / "stacks" / "orgs").rglob("*.yaml"))
    tenant, environment = manifest.parent.parent.name, manifest.parent.name
    return manifest, f"{tenant}-{environment}-{manifest.stem}"


def change_one_line(repository: Path) -> None:
    """A branch off `main` with one commit that changes one variable of one component in one stack."""
    _git(repository, "checkout", "-q", "-b", "one-line", "main")
    manifest, _ = a_stack(repository)
    text = manifest.read_text()
    changed = re.sub(r"size: \d+", "size: 7", text, count=1)
    if changed == text:
        raise RuntimeError(
            f"{manifest} has no line `size: …` to change; the generator is another than this bench knows"
        )
    manifest.write_text(changed)
    _git(repository, "commit", "-q", "-a", "-m", "change one line")


def editing_one_line(repository: Path) -> Callable[[], object]:
    """Changes the same variable in the working tree, each time to another value of one digit."""
    manifest, _ = a_stack(repository)
    digits = cycle("98765432")
    return lambda: manifest.write_text(re.sub(r"size: \d+", f"size: {next(digits)}", manifest.read_text(), count=1))


def _git(repository: Path, *words: str) -> None:
    author = ("-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(repository), *author, *words], check=True, capture_output=True)
