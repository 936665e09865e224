"""Pushes: the webhook, and the workflows that listen to it."""

from typing import Any

from sonde.sandbox import git
from sonde.sandbox.model import Repository
from sonde.sandbox.runs import Occasion, Runs
from sonde.sandbox.shapes import repositories as shapes

NULL_SHA = "0" * 40
MOST_COMMITS = 20  # named in one push's webhook


class Pushes(Runs):
    def identity(self, login: str) -> str:
        """Author of a user's commits."""
        return f"{login} <{self._email(login)}>"

    def _email(self, login: str) -> str:
        return f"{self.account(login).id}+{login}@users.noreply.github.com"

    def pushed(self, of: Repository, branch: str, before: str | None, after: str, sender: str) -> None:
        """What follows a push that moved a branch: the webhook, and the workflows that listen to it. `before` None: the branch is new."""
        ref = f"refs/heads/{branch}"
        payload = self.emit("push", None, of, sender, self._push_body(of, ref, before, after, sender))
        changed = [change.path for change in git.diff(self.bare(of), before, after)] if before else []
        self.start_runs(
            of, Occasion("push", payload, sender, ref, after, branch, after, of, branch=branch, changed=changed)
        )

    def _push_body(self, of: Repository, ref: str, before: str | None, after: str, sender: str) -> dict[str, Any]:
        bare = self.bare(of)
        base = before or git.resolve(bare, f"refs/heads/{of.default_branch}")
        shas = git.log(bare, base, after)[:MOST_COMMITS] if base and base != after else [after]
        commits = [shapes.pushed_commit(self, of, sha) for sha in shas]
        return {
            "ref": ref,
            "before": before or NULL_SHA,
            "after": after,
            "base_ref": None,
            "created": before is None,
            "deleted": False,
            "forced": bool(before) and not git.is_ancestor(bare, before or "", after),
            "compare": f"{shapes.page_url(self, of)}/compare/{(base or after)[:12]}...{after[:12]}",
            "commits": commits,
            "head_commit": commits[-1] if commits else None,
            "pusher": {"name": sender, "email": self._email(sender)},
        }
