"""The App's calls to GitHub: one function per call, a token per installation, and errors sorted by what they prove.

Built on gidgethub's sans-I/O half and httpx2. Nothing is retried in here: whether a call may be made again is for the
caller to know (reliability.md F15, F17).
"""

import json
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import gidgethub
import httpx2
from gidgethub import apps, sansio

from sonde.server.github.model import Branch, Commit, Installation, PullHead, RestrictedToken
from sonde.server.kernel.points import reached
from sonde.server.workspaces.model import Repository

TOKEN_REFRESH = 5 * 60  # seconds before a token's end at which we ask for the next
API_VERSION = "2022-11-28"


class GitHubError(Exception):
    """A call that did not succeed. The subclasses say what that proves.

    GitHubError
    ├── NotSentError      the request never left, or GitHub refused it for now: it had no effect
    ├── RejectedError     GitHub refused it for good: it had no effect
    │   └── HeadMovedError    because the branch moved meanwhile
    └── UnansweredError   5xx, a timeout or a broken connection: it may have taken effect
    """


class NotSentError(GitHubError):
    """No effect; `wait` milliseconds until a new try makes sense."""

    def __init__(self, message: str, wait: int = 5_000) -> None:
        super().__init__(message)
        self.wait = wait


class RejectedError(GitHubError):
    """No effect, and the same request will be refused again."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class HeadMovedError(RejectedError):
    """The branch is not where the caller believed it; nothing was committed."""


class UnansweredError(GitHubError):
    """Perhaps it took effect."""


@dataclass(frozen=True)
class Run:
    """A workflow run as the API tells it; `created_at` as GitHub writes it."""

    id: int
    url: str
    title: str
    status: str
    conclusion: str
    attempt: int
    created_at: str


COMMIT = "mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }"


class GitHub:
    """One App on one GitHub. Thread-safe."""

    def __init__(self, api_url: str, app_id: str, private_key: str, tls: ssl.SSLContext) -> None:
        self._api, self._app_id, self._key = api_url.rstrip("/"), app_id, private_key
        self._http = httpx2.Client(verify=tls, timeout=httpx2.Timeout(20, connect=5))
        self._tokens: dict[int, tuple[str, float]] = {}
        self._bot = ""
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _token(self, installation_id: int) -> str:
        with self._lock:
            token, until = self._tokens.get(installation_id, ("", 0.0))
            if time.monotonic() < until:
                return token
            try:
                answer = self._as_app("github.token", "POST", f"/app/installations/{installation_id}/access_tokens")
            except RejectedError as error:
                if error.status != 404:
                    raise
                because = (
                    f"GitHub knows no installation {installation_id} of this App; install it on the repository, then"
                )
                raise RejectedError(f"{because} sonde admin repo add … --installation-id N", error.status) from error
            token = str(answer["token"])
            self._tokens[installation_id] = (token, time.monotonic() + 3600 - TOKEN_REFRESH)
            return token

    def _as_app(self, point: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        bearer = apps.get_jwt(app_id=self._app_id, private_key=self._key, expiration=9 * 60)
        data = json.dumps(body).encode() if body is not None else b""
        try:
            return self._request(point, method, self._api + path, sansio.create_headers("sonde", jwt=bearer), data)
        except RejectedError as error:
            if error.status != 401:
                raise
            # the operator's to mend, and then everything goes on: nothing was refused for good
            because = f"GitHub does not take this App's signature ({error}); check SONDE_GITHUB_APP_ID,"
            raise NotSentError(
                f"{because} SONDE_GITHUB_APP_PRIVATE_KEY_FILE and this machine's clock", 60_000
            ) from error

    def _call(
        self,
        point: str,
        repository: Repository,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        raw: bool = False,
    ) -> Any:
        url = f"{self._api}/repos/{repository.full_name}{path}"
        return self._installed(point, repository, method, url, body, raw=raw)

    def _installed(
        self,
        point: str,
        repository: Repository,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        raw: bool = False,
    ) -> Any:
        if repository.installation_id is None:
            raise RejectedError(
                f"no App installation is known for {repository.full_name}; link it with sonde admin repo add … --installation-id N",
                0,
            )
        accept = sansio.accept_format(media="raw") if raw else sansio.accept_format()
        headers = sansio.create_headers("sonde", accept=accept, oauth_token=self._token(repository.installation_id))
        data = json.dumps(body).encode() if body is not None else b""
        try:
            return self._request(point, method, url, headers, data)
        except RejectedError as error:
            if error.status == 401:  # revoked or clock-skewed: the next call asks for a new one
                self._tokens.pop(repository.installation_id, None)
                raise NotSentError(str(error)) from error
            raise

    def _request(self, point: str, method: str, url: str, headers: dict[str, str], body: bytes) -> Any:
        headers = {**headers, "x-github-api-version": API_VERSION}
        if body:
            headers["content-type"] = "application/json; charset=utf-8"
        reached(point, "before")
        try:
            answer = self._http.request(method, url, headers=headers, content=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            hint = (
                "; SONDE_CA_FILE names authorities to trust beside the system's" if "CERTIFICATE" in str(error) else ""
            )
            raise NotSentError(f"GitHub cannot be reached: {error}{hint}") from error
        except httpx2.HTTPError as error:
            raise UnansweredError(f"GitHub did not answer: {type(error).__name__} {error}") from error
        reached(point, "after")
        if answer.status_code in (403, 429) and (wait := _rate_wait(answer.headers)):
            raise NotSentError(f"GitHub's rate limit: waiting {wait // 1000} s", wait)
        if "raw" in headers["accept"] and answer.status_code == 200:
            return answer.text
        try:
            return sansio.decipher_response(answer.status_code, answer.headers, answer.content)[0]
        except gidgethub.GitHubBroken as error:
            raise UnansweredError(f"GitHub answered {answer.status_code}") from error
        except gidgethub.HTTPException as error:
            raise RejectedError(f"GitHub answered {answer.status_code}: {error}", answer.status_code) from error

    def workflow_file(self, repository: Repository, workflow: str, ref: str) -> str:
        """The text of `.github/workflows/WORKFLOW` at a ref."""
        return str(
            self._call(
                "github.workflow", repository, "GET", f"/contents/.github/workflows/{workflow}?ref={ref}", raw=True
            )
        )

    def dispatch(
        self, repository: Repository, workflow: str, ref: str, inputs: Mapping[str, str]
    ) -> tuple[int, str] | None:
        """Dispatch a workflow; its run's id and page, or None where GitHub answers without details."""
        body = {"ref": ref, "inputs": dict(inputs), "return_run_details": True}
        answer = self._call("github.dispatch", repository, "POST", f"/actions/workflows/{workflow}/dispatches", body)
        if not isinstance(answer, dict) or "workflow_run_id" not in answer:
            return None
        return int(answer["workflow_run_id"]), str(answer.get("html_url", ""))

    def runs(self, repository: Repository, workflow: str, since: str) -> list[Run]:
        """Every dispatched run of a workflow created at `since` (YYYY-MM-DDTHH:MM:SSZ) or later, newest first.

        Raises UnansweredError past 1,000, which is as far as GitHub pages: then nobody can say that one is not there.
        """
        found: list[Run] = []
        for page in range(1, 11):
            query = f"event=workflow_dispatch&created=%3E%3D{since}&per_page=100&page={page}"
            answer = self._call("github.run.find", repository, "GET", f"/actions/workflows/{workflow}/runs?{query}")
            found += [_run(item) for item in answer["workflow_runs"]]
            if len(answer["workflow_runs"]) < 100:
                return found
        raise UnansweredError(f"{workflow} has more than 1,000 runs since {since}")

    def run(self, repository: Repository, run_id: int) -> Run:
        """One run as it is now."""
        return _run(self._call("github.run.get", repository, "GET", f"/actions/runs/{run_id}"))

    def cancel(self, repository: Repository, run_id: int) -> None:
        """Ask GitHub to cancel a run."""
        self._call("github.run.cancel", repository, "POST", f"/actions/runs/{run_id}/cancel")

    def create_check(self, repository: Repository, body: Mapping[str, Any]) -> tuple[int, str]:
        """Create a check run; its id and page."""
        answer = self._call("github.check.create", repository, "POST", "/check-runs", body)
        return int(answer["id"]), str(answer.get("html_url") or "")

    def update_check(self, repository: Repository, check_id: int, body: Mapping[str, Any]) -> None:
        """Edit a check run."""
        self._call("github.check.update", repository, "PATCH", f"/check-runs/{check_id}", body)

    def find_check(self, repository: Repository, sha: str, name: str, external_id: str) -> tuple[int, str] | None:
        """The check run at `sha` that carries our `external_id`."""
        path = f"/commits/{sha}/check-runs?check_name={name.replace(' ', '%20')}&filter=all&per_page=100"
        answer = self._call("github.check.find", repository, "GET", path)
        return next(
            (
                (int(i["id"]), str(i.get("html_url") or ""))
                for i in answer["check_runs"]
                if i.get("external_id") == external_id
            ),
            None,
        )

    def create_comment(self, repository: Repository, number: int, text: str) -> tuple[int, str]:
        """Comment on a pull request; the comment's id and page."""
        answer = self._call("github.comment.create", repository, "POST", f"/issues/{number}/comments", {"body": text})
        return int(answer["id"]), str(answer.get("html_url") or "")

    def update_comment(self, repository: Repository, comment_id: int, text: str) -> None:
        """Edit a comment in place."""
        self._call("github.comment.update", repository, "PATCH", f"/issues/comments/{comment_id}", {"body": text})

    def find_comment(self, repository: Repository, number: int, marker: str) -> tuple[int, str] | None:
        """The comment that carries our hidden marker; pages of 100 are read until it is found."""
        for page in range(1, 51):
            answer = self._call(
                "github.comment.find", repository, "GET", f"/issues/{number}/comments?per_page=100&page={page}"
            )
            for item in answer:
                if marker in (item.get("body") or ""):
                    return int(item["id"]), str(item.get("html_url") or "")
            if len(answer) < 100:
                break
        return None

    def bot(self) -> str:
        """The login of our App's bot, which is the author of what the App commits."""
        if not self._bot:
            self._bot = f"{self.app()['slug']}[bot]"
        return self._bot

    def app(self) -> Mapping[str, Any]:
        """Our App as GitHub knows it: its slug, its permissions and events."""
        known: Mapping[str, Any] = self._as_app("github.app", "GET", "/app")
        return known

    def pull_head(self, repository: Repository, number: int) -> PullHead:
        """Where a pull request comes from, as it is now."""
        answer = self._call("github.pull", repository, "GET", f"/pulls/{number}")
        head = answer["head"]
        source = head.get("repo") or {}
        return PullHead(
            answer["state"] == "open", head["ref"], source.get("id"), answer["base"]["repo"]["default_branch"]
        )

    def branch(self, repository: Repository, name: str) -> Branch:
        """A branch as it is now."""
        answer = self._call("github.branch", repository, "GET", f"/branches/{quote(name)}")
        return Branch(_commit(answer["commit"]), bool(answer["protected"]))

    def commits_between(self, repository: Repository, base: str, head: str) -> list[Commit]:
        """The commits that `head` has and `base` has not, at most 250 (the newest are cut off beyond)."""
        answer = self._call("github.commit.find", repository, "GET", f"/compare/{base}...{head}")
        return [_commit(item) for item in answer["commits"]]

    def commit_on_branch(self, repository: Repository, branch: str, head: str, change: Mapping[str, Any]) -> str:
        """Commit on a branch whose head is `head`; the new SHA. `change` is `message` and `fileChanges` of the mutation.

        GitHub signs it, and makes it only while the branch is at `head`. Raises HeadMovedError where it is not.
        """
        target = {"repositoryNameWithOwner": repository.full_name, "branchName": branch}
        given = {"branch": target, "expectedHeadOid": head, **change}
        url = f"{self._api.removesuffix('/v3')}/graphql"  # GitHub Enterprise Server has it beside /api/v3
        body = {"query": COMMIT, "variables": {"input": given}}
        answer = self._installed("github.commit.create", repository, "POST", url, body)
        for error in answer.get("errors") or ():
            raise _graphql_error(error)
        return str(answer["data"]["createCommitOnBranch"]["commit"]["oid"])

    def host(self) -> str:
        """Where git finds the repositories: github.com, or that of a GitHub Enterprise Server."""
        return urlsplit(self._api).netloc.removeprefix("api.")

    def installation(self, installation_id: int) -> Installation:
        """Where the App is installed. Raises RejectedError 404 where it is no more."""
        answer = self._as_app("github.installation", "GET", f"/app/installations/{installation_id}")
        return Installation(int(answer["account"]["id"]), answer["account"]["login"], bool(answer.get("suspended_at")))

    def repository_id(self, repository: Repository) -> int:
        """GitHub's number of the repository that has this name now."""
        return int(self._call("github.repository", repository, "GET", "")["id"])

    def policy_file(self, repository: Repository, path: str) -> str:
        """The text of a file on the default branch. Raises RejectedError 404 where there is none."""
        return str(self._call("github.policy", repository, "GET", f"/contents/{quote(path)}", raw=True))

    def restricted_token(
        self, installation_id: int, repository_ids: Sequence[int], permissions: Mapping[str, str]
    ) -> RestrictedToken:
        """An installation token for these repositories and permissions and no others; kept nowhere."""
        path = f"/app/installations/{installation_id}/access_tokens"
        body = {"repository_ids": list(repository_ids), "permissions": dict(permissions)}
        answer = self._as_app("github.sts.token", "POST", path, body)
        return RestrictedToken(str(answer["token"]), str(answer["expires_at"]), dict(answer["permissions"]))


STATUS_OF_TYPE = {"FORBIDDEN": 403, "INSUFFICIENT_SCOPES": 403, "NOT_FOUND": 404}


def _graphql_error(error: Mapping[str, Any]) -> GitHubError:
    """What an error of GraphQL, which comes with status 200, proves. One without a type is a failure of GitHub's own."""
    kind, message = str(error.get("type") or ""), str(error.get("message") or "no reason")
    if kind == "RATE_LIMITED":
        return NotSentError(f"GitHub's rate limit: {message}", 60_000)
    if kind == "STALE_DATA":
        return HeadMovedError(message, 409)
    if not kind and "invalid value" not in message:
        return UnansweredError(f"GitHub answered with an error: {message}")
    return RejectedError(f"GitHub answered: {message}", STATUS_OF_TYPE.get(kind, 422))


def _commit(item: Mapping[str, Any]) -> Commit:
    return Commit(str(item["sha"]), str(item["commit"]["author"]["name"]), str(item["commit"]["message"]))


def _run(item: Mapping[str, Any]) -> Run:
    return Run(
        id=int(item["id"]),
        url=str(item.get("html_url") or ""),
        title=str(item.get("display_title") or item.get("name") or ""),
        status=str(item.get("status") or ""),
        conclusion=str(item.get("conclusion") or ""),
        attempt=int(item.get("run_attempt") or 1),
        created_at=str(item.get("created_at") or ""),
    )


def _rate_wait(headers: Mapping[str, str]) -> int:
    """Milliseconds to wait where an answer is a rate limit; 0 where it is an ordinary refusal (reliability.md F16)."""
    if (after := headers.get("retry-after", "")).isdigit():
        return max(1, int(after)) * 1000
    if headers.get("x-ratelimit-remaining") == "0" and (reset := headers.get("x-ratelimit-reset", "")).isdigit():
        return max(1, int(reset) - int(time.time())) * 1000
    return 0
