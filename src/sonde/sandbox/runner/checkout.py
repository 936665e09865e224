"""The built-in `actions/checkout`: the same refs, remote and commands as GitHub's, fetched from the local bare repository.

The remote is named as on GitHub (`https://github.com/OWNER/NAME`), so that clients parse owner and name from the
checkout's own config. That it is fetched from a local path stands in the job's HOME/.gitconfig (`url.….insteadOf`):
`git fetch` of a later step works offline too, and only `git remote get-url` shows the path.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sonde.sandbox.runner.model import RunnerError, RunRequest

SHA = re.compile(r"[0-9a-f]{40}")


class BadCheckout(RunnerError):  # noqa: N818 - it names what was met
    """An input of actions/checkout makes no sense: the step fails."""


def remote_url(request: RunRequest) -> str:
    return f"{request.remote_base}/{request.repository}"


def git_config(request: RunRequest) -> str:
    """HOME/.gitconfig of a job."""
    bases = dict.fromkeys((request.remote_base, request.server_url))
    urls = [f"{base}/{request.repository}{end}" for base in bases for end in ("", ".git")]
    instead = "".join(f"\tinsteadOf = {url}\n" for url in urls)
    return (
        f'[url "{request.bare_repository}"]\n{instead}'
        "[safe]\n\tdirectory = *\n[advice]\n\tdetachedHead = false\n[init]\n\tdefaultBranch = main\n"
    )


def folder(workspace: Path, path: str) -> Path:
    """`with: path`, which stays inside the workspace."""
    found = (workspace / path).resolve()
    if not found.is_relative_to(workspace.resolve()):
        raise BadCheckout(f"Repository path '{found}' is not under '{workspace}'")
    return found


def prepare(found: Path) -> None:
    """The folder exists, and is either a git checkout already or empty."""
    if found.exists() and not (found / ".git").exists():
        shutil.rmtree(found)
    found.mkdir(parents=True, exist_ok=True)


def depth_of(given: Mapping[str, str]) -> int:
    """`fetch-depth`: 1 by default, 0 for all history and all branches and tags."""
    text = given.get("fetch-depth") or "1"
    if not text.isdecimal():
        raise BadCheckout(f"fetch-depth '{text}' is not a number")
    return int(text)


def wanted(request: RunRequest, given: Mapping[str, str]) -> tuple[str, str]:
    """(ref, commit) to check out; an empty text for the one that is not known."""
    ref = given.get("ref", "").strip()
    if not ref:
        return request.ref, request.sha
    return ("", ref) if SHA.fullmatch(ref) else (ref, "")


def refspec(ref: str, commit: str) -> str:
    """Where the one wanted ref goes, as actions/checkout has it (ref-helper.ts, getRefSpec)."""
    if not ref:
        return commit
    if ref.startswith("refs/heads/"):
        return f"+{commit or ref}:refs/remotes/origin/{ref.removeprefix('refs/heads/')}"
    if ref.startswith("refs/pull/"):
        return f"+{commit or ref}:refs/remotes/pull/{ref.removeprefix('refs/pull/')}"
    return f"+{commit or ref}:{ref}"


def target(ref: str, commit: str) -> list[str]:
    """Arguments of `git checkout`: a branch is checked out as a branch, anything else detached."""
    if ref.startswith("refs/heads/"):
        branch = ref.removeprefix("refs/heads/")
        return ["-B", branch, f"refs/remotes/origin/{branch}"]
    if ref.startswith("refs/pull/"):
        return ["--detach", f"refs/remotes/pull/{ref.removeprefix('refs/pull/')}"]
    return ["--detach", commit or ref]


def qualified(request: RunRequest, ref: str) -> str:
    """`main` → refs/heads/main, or refs/tags/main if there is no such branch."""
    if not ref or ref.startswith("refs/"):
        return ref
    command = ["git", "--git-dir", str(request.bare_repository), "show-ref", "--verify", "--quiet", f"refs/heads/{ref}"]
    is_branch = subprocess.run(command, env={"PATH": request.path}, check=False).returncode == 0
    return f"refs/heads/{ref}" if is_branch else f"refs/tags/{ref}"


FETCH = ("git", "fetch", "--no-tags", "--no-recurse-submodules")
ALL_HISTORY = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")


def fetches(ref: str, commit: str, depth: int, *, shallow: bool) -> list[list[str]]:
    """One fetch; with depth 0 all history first, and then the very commit, which its branch may have left behind."""
    if depth > 0:
        return [[*FETCH, "--prune", f"--depth={depth}", "origin", refspec(ref, commit)]]
    everything = [*FETCH, "--prune", *(["--unshallow"] if shallow else []), "origin", *ALL_HISTORY]
    if ref.startswith(("refs/heads/", "refs/tags/")) and not commit:
        return [everything]
    return [everything, [*FETCH, "origin", refspec(ref, commit)]]


def script(request: RunRequest, given: Mapping[str, str], *, shallow: bool) -> list[list[str]]:
    """The git commands of the step, to be run in its folder; `shallow` if an earlier checkout left it so."""
    ref, commit = wanted(request, given)
    ref = qualified(request, ref)
    return [
        ["git", "init", "-q"],
        ["git", "config", "--local", "gc.auto", "0"],
        ["git", "config", "--local", "remote.origin.url", remote_url(request)],
        ["git", "config", "--local", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"],
        *fetches(ref, commit, depth_of(given), shallow=shallow),
        ["git", "checkout", "--force", *target(ref, commit)],
        ["git", "clean", "-ffdxq"],
    ]


def outputs(request: RunRequest, given: Mapping[str, str], workspace: Path) -> dict[str, str]:
    """The outputs `ref` and `commit` of the step, once it has succeeded."""
    command = ["git", "-C", str(folder(workspace, given.get("path", ""))), "rev-parse", "HEAD"]
    env = {"PATH": request.path, "HOME": str(workspace.parent / "home")}
    commit = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip()
    return {"ref": wanted(request, given)[0], "commit": commit}
