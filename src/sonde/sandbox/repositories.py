"""Repositories: made, forked, committed and pushed to; and the merge queue, whose entries are branches."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sonde.sandbox import git
from sonde.sandbox.model import PullRequest, Repository
from sonde.sandbox.pulls import Pulls
from sonde.sandbox.runs import Occasion
from sonde.sandbox.shapes import repositories as shapes
from sonde.sandbox.shapes.accounts import user


class Repositories(Pulls):
    def create_repository(
        self,
        full_name: str,
        files: git.Changes | None = None,
        *,
        private: bool = True,
        default_branch: str = "main",
        vars: Mapping[str, str] | None = None,  # noqa: A002 - GitHub's own word
        permissions: Mapping[str, str] | None = None,
    ) -> Repository:
        """`owner/name`; an unknown owner becomes an organisation. `files` are its first commit on the default branch."""
        with self.change():
            owner, _, name = full_name.partition("/")
            if owner not in self.records.accounts:
                self.add_organization(owner)
            now = self.time()
            of = Repository(
                id=self.next_id("repository"),
                owner=owner,
                name=name,
                default_branch=default_branch,
                private=private,
                created_at=now,
                updated_at=now,
                pushed_at=now,
                permissions=dict(permissions or {}),
                vars=dict(vars or {}),
            )
            git.init(self.bare(of), default_branch)
            self.records.repositories[of.id] = of
            if files:
                git.commit(
                    self.bare(of),
                    default_branch,
                    files,
                    message="Initial commit",
                    author=self.identity(owner),
                    when=self.now(),
                )
            return of

    def fork(self, repository: str | Repository, owner: str) -> Repository:
        """A public copy under a user's own account, made if unknown; the user gets no right on the original."""
        with self.change():
            source = self.repository(repository)
            self.add_user(owner)
            now = self.time()
            of = Repository(
                id=self.next_id("repository"),
                owner=owner,
                name=source.name,
                default_branch=source.default_branch,
                private=source.private,
                created_at=now,
                updated_at=now,
                pushed_at=now,
                fork_of=source.id,
                permissions={owner: "admin"},
            )
            git.fork(self.bare(source), self.bare(of))
            self.records.repositories[of.id] = of
            return of

    def grant(self, repository: str | Repository, login: str, permission: str) -> None:
        """Make a user a collaborator: admin, maintain, write, triage or read; `none` takes it away."""
        with self.change():
            self.add_user(login)
            self.repository(repository).permissions[login] = permission

    def rename(self, repository: str | Repository, full_name: str) -> None:
        """Rename, or with another owner transfer: the id stays. Webhook `repository`."""
        with self.change():
            of = self.repository(repository)
            before_owner, before_name = of.owner, of.name
            of.owner, _, of.name = full_name.partition("/")
            self.add_organization(of.owner)
            if of.owner != before_owner:
                before = {"user": user(self, before_owner)}
                self.emit("repository", "transferred", of, of.owner, {"changes": {"owner": {"from": before}}})
            else:
                changes = {"repository": {"name": {"from": before_name}}}
                self.emit("repository", "renamed", of, of.owner, {"changes": changes})

    def head(self, repository: str | Repository, branch: str | None = None) -> str:
        """SHA of a branch's tip, by default the default branch's; KeyError if there is none."""
        of = self.repository(repository)
        sha = git.resolve(self.bare(of), f"refs/heads/{branch or of.default_branch}")
        if sha is None:
            raise KeyError(f"no branch {branch} in {of.full_name}")
        return sha

    def commit(
        self,
        repository: str | Repository,
        branch: str,
        changes: git.Changes,
        message: str = "Change",
        *,
        author: str | None = None,
    ) -> str:
        """Commit on a branch (made from the default branch if new), as a push by `author` would. Returns the SHA."""
        with self.change():
            of = self.repository(repository)
            who = author or of.owner
            before = git.resolve(self.bare(of), f"refs/heads/{branch}")
            sha = git.commit(
                self.bare(of), branch, changes, message=message, author=self.identity(who), when=self.now()
            )
            self.branch_moved(of, branch, before, sha, who)
            return sha

    def push(
        self, repository: str | Repository, branch: str, source: Path, *, revision: str = "HEAD", sender: str
    ) -> str:
        """Push `revision` of a real clone at `source` to a branch, by force if need be. Returns the SHA."""
        with self.change():
            of = self.repository(repository)
            before = git.resolve(self.bare(of), f"refs/heads/{branch}")
            git.fetch(self.bare(of), source, f"+{revision}:refs/heads/{branch}")
            after = self.head(of, branch)
            if after != before:
                self.branch_moved(of, branch, before, after, sender)
            return after

    def enqueue(self, pull: PullRequest, *, sender: str | None = None) -> str:
        """Put a pull request into the merge queue: its queue branch and `merge_group.checks_requested`.

        Returns the queue commit. `land` or `dequeue` say what becomes of it.
        """
        with self.change():
            of = self.repository(pull.repository_id)
            who = sender or pull.author
            bare = self.bare(of)
            tree = git.merge_tree(bare, pull.base_sha, pull.head_sha)
            if tree is None:
                raise ValueError(f"{of.full_name}#{pull.number} is in conflict with {pull.base_branch}")
            text = f"Merge pull request #{pull.number} from {pull.head_branch}\n\n{pull.title}"
            parents = [pull.base_sha, pull.head_sha]
            sha = git.commit_tree(bare, tree, parents, message=text, author=self.identity(who), when=self.now())
            branch = self.queue_branch(pull)
            git.update_ref(bare, f"refs/heads/{branch}", sha)
            payload = self.emit("merge_group", "checks_requested", of, who, self._group(pull, sha))
            ref = f"refs/heads/{branch}"
            occasion = Occasion(
                "merge_group", payload, who, ref, sha, branch, sha, of, "checks_requested", pull.base_branch
            )
            self.start_runs(of, occasion)
            return sha

    def queue_branch(self, pull: PullRequest) -> str:
        return f"gh-readonly-queue/{pull.base_branch}/pr-{pull.number}-{pull.base_sha}"

    def _group(self, pull: PullRequest, sha: str) -> dict[str, Any]:
        of = self.repository(pull.repository_id)
        return {
            "merge_group": {
                "head_sha": sha,
                "head_ref": f"refs/heads/{self.queue_branch(pull)}",
                "base_sha": pull.base_sha,
                "base_ref": f"refs/heads/{pull.base_branch}",
                "head_commit": shapes.simple_commit(self, of, sha),
            }
        }

    def land(self, pull: PullRequest, sha: str, *, sender: str | None = None) -> None:
        """The queue's checks passed: the base branch moves to the queue commit and the pull request is merged."""
        with self.change():
            of = self.repository(pull.repository_id)
            before, who = pull.base_sha, sender or pull.author
            self._leave_queue(pull, sha, "merged", who)
            git.update_ref(self.bare(of), f"refs/heads/{pull.base_branch}", sha)
            pull.state, pull.merged_by, pull.merge_commit_sha = "closed", who, sha
            pull.closed_at = pull.merged_at = self.time()
            self.branch_moved(of, pull.base_branch, before, sha, who)
            self._happened("closed", pull, who)

    def dequeue(self, pull: PullRequest, sha: str, *, reason: str = "dequeued", sender: str | None = None) -> None:
        """The queue gives the pull request back: `merge_group.destroyed` with `invalidated` or `dequeued`."""
        with self.change():
            self._leave_queue(pull, sha, reason, sender or pull.author)

    def _leave_queue(self, pull: PullRequest, sha: str, reason: str, sender: str) -> None:
        of = self.repository(pull.repository_id)
        self.emit("merge_group", "destroyed", of, sender, self._group(pull, sha) | {"reason": reason})
        git.update_ref(self.bare(of), f"refs/heads/{self.queue_branch(pull)}", None)
