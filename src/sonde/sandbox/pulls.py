"""Pull requests: opened, pushed to, closed, reopened, merged; each with its webhook and the workflows it starts."""

from dataclasses import replace
from typing import Any

from sonde.sandbox import git
from sonde.sandbox.accounts import Refused
from sonde.sandbox.model import PullRequest, Repository
from sonde.sandbox.pushes import Pushes
from sonde.sandbox.runs import Occasion
from sonde.sandbox.shapes import pulls as shapes


class Pulls(Pushes):
    def open_pull_request(
        self,
        repository: str | Repository,
        *,
        head: str,
        author: str,
        title: str = "",
        body: str | None = None,
        base: str | None = None,
        draft: bool = False,
    ) -> PullRequest:
        """Open a pull request from branch `head` (of a fork: `owner:branch`) into `base`; Refused 422 if one is absent."""
        with self.change():
            of = self.repository(repository)
            source, head = self._head(of, head)
            base = base or of.default_branch
            head_sha = self._tip(source, head, "head")
            base_sha = self._tip(of, base, "base")
            now = self.time()
            pull = PullRequest(
                id=self.next_id("pull"),
                repository_id=of.id,
                number=self.next_number(of),
                title=title or git.describe(self.bare(source), head_sha).message.splitlines()[0],
                body=body,
                author=self.account(author).login,
                head_repository_id=source.id,
                head_branch=head,
                head_sha=head_sha,
                base_branch=base,
                base_sha=base_sha,
                created_at=now,
                updated_at=now,
                draft=draft,
            )
            self.records.pulls[pull.id] = pull
            self._refresh(pull)
            self._happened("opened", pull, author)
            return pull

    def _tip(self, of: Repository, branch: str, field: str) -> str:
        """The commit of a branch; Refused 422 names the `field` of the request whose branch is absent."""
        if sha := git.resolve(self.bare(of), f"refs/heads/{branch}"):
            return sha
        raise Refused(422, "Validation Failed", [{"resource": "PullRequest", "field": field, "code": "invalid"}])

    def _head(self, of: Repository, head: str) -> tuple[Repository, str]:
        owner, colon, branch = head.partition(":")
        if not colon or owner == of.owner:
            return of, branch or head
        for other in self.records.repositories.values():
            if other.fork_of == of.id and other.owner == owner:
                return other, branch
        raise Refused(422, "Validation Failed", [{"resource": "PullRequest", "field": "head", "code": "invalid"}])

    def pull(self, repository: str | Repository, number: int) -> PullRequest:
        """KeyError if there is none of that number."""
        of = self.repository(repository)
        for pull in self.records.pulls.values():
            if pull.repository_id == of.id and pull.number == number:
                return pull
        raise KeyError(f"no pull request {of.full_name}#{number}")

    def pulls_of(self, repository: str | Repository) -> list[PullRequest]:
        of = self.repository(repository)
        return [pull for pull in self.records.pulls.values() if pull.repository_id == of.id]

    def next_number(self, of: Repository) -> int:
        number = of.next_number
        of.next_number += 1
        return number

    def close(self, pull: PullRequest, *, sender: str | None = None) -> PullRequest:
        """Close without merging; Refused 422 unless it is open."""
        with self.change():
            self._must_be(pull, "open")
            pull.state, pull.closed_at = "closed", self.time()
            self._happened("closed", pull, sender or pull.author)
            return pull

    def reopen(self, pull: PullRequest, *, sender: str | None = None) -> PullRequest:
        """Open again what was closed; Refused 422 where it was merged."""
        with self.change():
            self._must_be(pull, "closed")
            if pull.merged_at:
                raise Refused(422, "Validation Failed", [{"message": "Merged pull requests cannot be reopened."}])
            pull.state, pull.closed_at = "open", None
            self._refresh(pull)
            self._happened("reopened", pull, sender or pull.author)
            return pull

    def set_draft(self, pull: PullRequest, *, draft: bool, sender: str | None = None) -> PullRequest:
        """`ready_for_review` or `converted_to_draft`."""
        with self.change():
            pull.draft = draft
            self._happened("converted_to_draft" if draft else "ready_for_review", pull, sender or pull.author)
            return pull

    def edit(self, pull: PullRequest, *, title: str, sender: str | None = None) -> PullRequest:
        with self.change():
            before, pull.title = pull.title, title
            self._happened("edited", pull, sender or pull.author, {"changes": {"title": {"from": before}}})
            return pull

    def merge(
        self, pull: PullRequest, *, sender: str | None = None, method: str = "merge", message: str | None = None
    ) -> str:
        """Merge by a merge commit or, with method `squash`, by one new commit. Returns `merge_commit_sha`.

        Refused 405 if it is closed, a draft or in conflict. Webhooks: push to the base, then `closed` with `merged`.
        """
        with self.change():
            of = self.repository(pull.repository_id)
            if pull.state != "open" or pull.draft or not pull.mergeable:
                raise Refused(405, "Pull Request is not mergeable")
            bare, before = self.bare(of), pull.base_sha
            tree = git.merge_tree(bare, pull.base_sha, pull.head_sha)
            if tree is None:
                raise Refused(405, "Pull Request is not mergeable")
            who = sender or pull.author
            parents = [pull.base_sha] if method == "squash" else [pull.base_sha, pull.head_sha]
            source = self.repository(pull.head_repository_id)
            default = f"Merge pull request #{pull.number} from {source.owner}/{pull.head_branch}"
            text = message or (f"{pull.title} (#{pull.number})" if method == "squash" else default)
            sha = git.commit_tree(bare, tree, parents, message=text, author=self.identity(who), when=self.now())
            git.update_ref(bare, f"refs/heads/{pull.base_branch}", sha)
            pull.state, pull.merged_by, pull.merge_commit_sha = "closed", who, sha
            pull.closed_at = pull.merged_at = pull.updated_at = self.time()
            self.branch_moved(of, pull.base_branch, before, sha, who)
            self._happened("closed", pull, who)
            return sha

    def _must_be(self, pull: PullRequest, state: str) -> None:
        if pull.state != state:
            errors = [{"resource": "PullRequest", "field": "state", "code": "invalid"}]
            raise Refused(422, "Validation Failed", errors)

    def _refresh(self, pull: PullRequest) -> None:
        """Bring refs/pull/N/head and /merge up to date, and with them `mergeable` and the test merge's SHA."""
        of, source = self.repository(pull.repository_id), self.repository(pull.head_repository_id)
        bare, ref = self.bare(of), f"refs/pull/{pull.number}"
        if source.id != of.id:
            git.fetch(bare, self.bare(source), f"+{pull.head_sha}:{ref}/head")
        pull.base_sha = git.resolve(bare, f"refs/heads/{pull.base_branch}") or pull.base_sha
        tree = git.merge_tree(bare, pull.base_sha, pull.head_sha)
        pull.mergeable = tree is not None
        pull.merge_commit_sha = None
        if tree is not None:
            text = f"Merge {pull.head_sha} into {pull.base_sha}"
            author = self.identity(pull.author)
            parents = [pull.base_sha, pull.head_sha]
            pull.merge_commit_sha = git.commit_tree(bare, tree, parents, message=text, author=author, when=self.now())
        git.update_refs(bare, {f"{ref}/head": pull.head_sha, f"{ref}/merge": pull.merge_commit_sha})

    def branch_moved(self, of: Repository, branch: str, before: str | None, after: str, sender: str) -> None:
        """Follow a branch that moved: `synchronize` pull requests from it, re-base those into it, start `on: push`."""
        of.pushed_at = of.updated_at = self.time()
        self.pushed(of, branch, before, after, sender)
        for pull in list(self.records.pulls.values()):
            if pull.state != "open":
                continue
            if (pull.head_repository_id, pull.head_branch) == (of.id, branch) and pull.head_sha != after:
                previous, pull.head_sha = pull.head_sha, after
                self._refresh(pull)
                self._happened("synchronize", pull, sender, {"before": previous, "after": after})
            elif (pull.repository_id, pull.base_branch) == (of.id, branch):
                self._refresh(pull)  # GitHub tells nobody

    def _happened(self, action: str, pull: PullRequest, sender: str, more: dict[str, Any] | None = None) -> None:
        """Write the webhook of a pull request's event and start the workflows that listen to it."""
        pull.updated_at = self.time()
        of = self.repository(pull.repository_id)
        body = {"number": pull.number, "pull_request": shapes.pull_request(self, pull)} | (more or {})
        payload = self.emit("pull_request", action, of, sender, body)
        if pull.merge_commit_sha is None:
            return  # in conflict: GitHub starts nothing
        bare = self.bare(of)
        start = git.merge_base(bare, pull.base_sha, pull.head_sha)
        # GitHub docs, "github context": the merge ref, or the base branch once it is merged
        base_ref = f"refs/heads/{pull.base_branch}"
        occasion = Occasion(
            event="pull_request",
            payload=payload,
            actor=sender,
            ref=base_ref if pull.merged_at else f"refs/pull/{pull.number}/merge",
            sha=pull.merge_commit_sha,
            head_branch=pull.head_branch,
            head_sha=pull.head_sha,
            head_repository=self.repository(pull.head_repository_id),
            activity=action,
            branch=pull.base_branch,
            changed=[change.path for change in git.diff(bare, start, pull.head_sha)] if start else [],
            pull=pull,
        )
        self.start_runs(of, occasion)
        base_sha = git.resolve(bare, base_ref) or pull.base_sha
        self.start_runs(of, replace(occasion, event="pull_request_target", ref=base_ref, sha=base_sha))
