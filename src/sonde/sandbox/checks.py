"""Check runs and comments: what the App writes to GitHub."""

from typing import Any

from sonde.sandbox.accounts import Refused
from sonde.sandbox.model import CheckRun, Comment, Repository
from sonde.sandbox.releases import Releases
from sonde.sandbox.shapes import actions as shapes
from sonde.sandbox.shapes import pulls

MAX_COMMENT = 65_536  # characters
MAX_TEXT = 65_535  # of summary and text of a check run
MAX_ANNOTATIONS = 50  # in one request


class Checks(Releases):
    def create_check_run(self, of: Repository, fields: dict[str, Any]) -> CheckRun:
        """POST …/check-runs with fields as GitHub names them; 422 for what GitHub refuses."""
        with self.change():
            now = self.time()
            check = CheckRun(
                id=self.next_id("check"),
                repository_id=of.id,
                app_id=self.records.app.id,
                suite_id=self._suite(of, fields["head_sha"]),
                head_sha=fields["head_sha"],
                name=fields["name"],
                created_at=now,
                started_at=now,
            )
            self._set(check, fields)
            self.records.check_runs[check.id] = check
            self.counters["check run created", of.full_name, check.head_sha, check.name] += 1
            self._emit_check("created", check)
            if check.status == "completed":
                self._emit_check("completed", check)
            return check

    def update_check_run(self, check: CheckRun, fields: dict[str, Any]) -> CheckRun:
        """PATCH …/check-runs/{id}. Only the App that made a check run may change it: 403."""
        if check.app_id != self.records.app.id:
            raise Refused(
                403,
                f"Invalid app_id `{self.records.app.id}` - check run can only be modified by the GitHub App that created it.",
            )
        with self.change():
            was = check.status
            self._set(check, fields)
            self.counters["check run updated", self.repository(check.repository_id).full_name, check.name] += 1
            if check.status == "completed" and was != "completed":
                self._emit_check("completed", check)
            return check

    def _suite(self, of: Repository, sha: str) -> int:
        """The App's one check suite of a commit."""
        for other in self.records.check_runs.values():
            if (other.repository_id, other.head_sha, other.app_id) == (of.id, sha, self.records.app.id):
                return other.suite_id
        return self.next_id("suite")

    def _set(self, check: CheckRun, fields: dict[str, Any]) -> None:
        self._validate(fields)
        for name in ("name", "external_id", "details_url", "started_at", "status", "actions"):
            if name in fields:
                setattr(check, name, fields[name])
        output = dict(fields.get("output") or {})
        check.annotations.extend(output.pop("annotations", []))
        check.output.update(output)
        if "conclusion" in fields:  # giving one completes the check run
            check.status, check.conclusion = "completed", fields["conclusion"]
            check.completed_at = fields.get("completed_at") or self.time()
        elif fields.get("status") in ("queued", "in_progress"):
            check.conclusion = check.completed_at = None

    def _validate(self, fields: dict[str, Any]) -> None:
        output = fields.get("output") or {}
        for name in ("summary", "text"):
            if len(output.get(name) or "") > MAX_TEXT:
                raise Refused(
                    422, f"Invalid request.\n\nOnly 65535 characters are allowed; {len(output[name])} were supplied."
                )
        if len(output.get("annotations") or []) > MAX_ANNOTATIONS:
            raise Refused(
                422,
                f"Invalid request.\n\nNo more than {MAX_ANNOTATIONS} items are allowed; {len(output['annotations'])} were supplied.",
            )
        if fields.get("status") == "completed" and not fields.get("conclusion"):
            raise Refused(422, 'Invalid request.\n\n"conclusion" wasn\'t supplied.')

    def _emit_check(self, action: str, check: CheckRun, more: dict[str, Any] | None = None) -> None:
        of = self.repository(check.repository_id)
        shape = shapes.check_run(self, check)
        sender = self.bot if check.app_id == self.records.app.id else of.owner
        self.emit("check_run", action, of, (more or {}).get("sender", sender), {"check_run": shape})

    def rerequest(self, check: CheckRun, *, sender: str) -> None:
        """The *Re-run* button: webhook `check_run.rerequested`."""
        with self.change():
            self._emit_check("rerequested", check, {"sender": sender})

    def press(self, check: CheckRun, identifier: str, *, sender: str) -> None:
        """One of the check run's own buttons (`actions`): webhook `check_run.requested_action`."""
        with self.change():
            of = self.repository(check.repository_id)
            body = {"check_run": shapes.check_run(self, check), "requested_action": {"identifier": identifier}}
            self.emit("check_run", "requested_action", of, sender, body)

    def check_runs(self, repository: str | Repository, sha: str, *, name: str | None = None) -> list[CheckRun]:
        """Check runs at a commit, oldest first; only those of `name` if given."""
        of = self.repository(repository)
        return [
            check
            for check in self.records.check_runs.values()
            if check.repository_id == of.id and check.head_sha == sha and name in (None, check.name)
        ]

    def create_comment(self, of: Repository, number: int, body: str, *, author: str) -> Comment:
        """Comment on an issue or pull request; Refused 422 for an empty or too long body."""
        with self.change():
            self._validate_comment(body)
            now = self.time()
            comment = Comment(self.next_id("comment"), of.id, number, author, body, now, now)
            self.records.comments[comment.id] = comment
            self.counters["comment created", of.full_name, str(number)] += 1
            self._emit_comment("created", comment, author)
            return comment

    def update_comment(self, comment: Comment, body: str) -> Comment:
        """Change the text of a comment; Refused 422 as `create_comment`."""
        with self.change():
            self._validate_comment(body)
            before, comment.body, comment.updated_at = comment.body, body, self.time()
            self._emit_comment("edited", comment, comment.author, {"changes": {"body": {"from": before}}})
            self.counters["comment updated", self.repository(comment.repository_id).full_name, str(comment.number)] += 1
            return comment

    def delete_comment(self, comment: Comment) -> None:
        with self.change():
            del self.records.comments[comment.id]
            self._emit_comment("deleted", comment, comment.author)

    def _emit_comment(self, action: str, comment: Comment, sender: str, more: dict[str, Any] | None = None) -> None:
        of = self.repository(comment.repository_id)
        body = {
            "issue": pulls.issue(self, self.pull(of, comment.number)),
            "comment": pulls.comment_of_webhook(self, comment),
        }
        self.emit("issue_comment", action, of, sender, body | (more or {}))

    def _validate_comment(self, body: str) -> None:
        if not body:
            raise Refused(422, 'Invalid request.\n\n"body" wasn\'t supplied.')
        if len(body) > MAX_COMMENT:
            errors = [
                {
                    "resource": "IssueComment",
                    "code": "unprocessable",
                    "field": "data",
                    "message": f"Body is too long (maximum is {MAX_COMMENT} characters)",
                }
            ]
            raise Refused(422, "Validation Failed", errors)

    def comments(self, repository: str | Repository, number: int) -> list[Comment]:
        of = self.repository(repository)
        every = self.records.comments.values()
        return [comment for comment in every if (comment.repository_id, comment.number) == (of.id, number)]
