"""Pull requests and their comments."""

from sonde.sandbox import git
from sonde.sandbox.model import Comment, PullRequest, Repository, Review
from sonde.sandbox.shapes import accounts, repositories
from sonde.sandbox.shapes.accounts import Json, node_id, user
from sonde.sandbox.state import State


def association(world: State, of: Repository, login: str) -> str:
    """What GitHub calls the author: by ownership, organisation and permission."""
    if login == of.owner:
        return "OWNER"
    granted = of.permissions.get(login, "none")
    if granted == "none":
        return "NONE"
    return "MEMBER" if world.account(of.owner).type == "Organization" else "COLLABORATOR"


def side(world: State, of: Repository, branch: str, sha: str) -> Json:
    return {
        "label": f"{of.owner}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": user(world, of.owner),
        "repo": repositories.repository(world, of),
    }


def _links(world: State, of: Repository, pull: PullRequest) -> Json:
    api = repositories.api_url(world, of)
    return {
        "self": f"{api}/pulls/{pull.number}",
        "html": f"{repositories.page_url(world, of)}/pull/{pull.number}",
        "issue": f"{api}/issues/{pull.number}",
        "comments": f"{api}/issues/{pull.number}/comments",
        "review_comments": f"{api}/pulls/{pull.number}/comments",
        "review_comment": f"{api}/pulls/comments{{/number}}",
        "commits": f"{api}/pulls/{pull.number}/commits",
        "statuses": f"{api}/statuses/{pull.head_sha}",
    }


def pull_request(world: State, pull: PullRequest) -> Json:
    """GET …/pulls/{number}, and `pull_request` of a webhook."""
    of = world.repository(pull.repository_id)
    bare = world.bare(of)
    start = git.merge_base(bare, pull.base_sha, pull.head_sha)
    changes = git.diff(bare, start, pull.head_sha) if start else []
    counts = {
        "commits": len(git.log(bare, start, pull.head_sha)),
        "additions": sum(change.additions for change in changes),
        "deletions": sum(change.deletions for change in changes),
        "changed_files": len(changes),
        "comments": sum(
            comment.number == pull.number
            for comment in world.records.comments.values()
            if comment.repository_id == of.id
        ),
        "review_comments": 0,
    }
    return simple(world, pull) | counts | _merge(world, pull)


def _merge(world: State, pull: PullRequest) -> Json:
    merged = pull.merged_at is not None
    open_ = pull.state == "open"
    clean = "draft" if pull.draft else "clean"
    return {
        "merged": merged,
        "mergeable": pull.mergeable if open_ else None,
        "rebaseable": pull.mergeable if open_ else None,
        "mergeable_state": (clean if pull.mergeable else "dirty") if open_ else "unknown",
        "merged_by": user(world, pull.merged_by) if pull.merged_by else None,
        "maintainer_can_modify": False,
    }


def simple(world: State, pull: PullRequest) -> Json:
    """One row of a list of pull requests."""
    of = world.repository(pull.repository_id)
    head = world.repository(pull.head_repository_id)
    links = _links(world, of, pull)
    return {
        "url": links["self"],
        "id": pull.id,
        "node_id": node_id("PR", pull.id),
        "html_url": links["html"],
        "diff_url": f"{links['html']}.diff",
        "patch_url": f"{links['html']}.patch",
        "issue_url": links["issue"],
        "number": pull.number,
        "state": pull.state,
        "locked": False,
        "title": pull.title,
        "user": user(world, pull.author),
        "body": pull.body,
        "created_at": pull.created_at,
        "updated_at": pull.updated_at,
        "closed_at": pull.closed_at,
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [],
        "milestone": None,
        "draft": pull.draft,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "head": side(world, head, pull.head_branch, pull.head_sha),
        "base": side(world, of, pull.base_branch, pull.base_sha),
        "_links": {name: {"href": url} for name, url in links.items()},
        "author_association": association(world, of, pull.author),
        "auto_merge": None,
        "active_lock_reason": None,
    }


def minimal(world: State, pull: PullRequest) -> Json:
    """How runs and check runs name a pull request."""
    of = world.repository(pull.repository_id)
    head = world.repository(pull.head_repository_id)
    return {
        "url": f"{repositories.api_url(world, of)}/pulls/{pull.number}",
        "id": pull.id,
        "number": pull.number,
        "head": {"ref": pull.head_branch, "sha": pull.head_sha, "repo": repositories.reference(world, head)},
        "base": {"ref": pull.base_branch, "sha": pull.base_sha, "repo": repositories.reference(world, of)},
    }


def of_head(world: State, of: Repository, sha: str) -> list[Json]:
    """Open pull requests whose head is `sha`; GitHub names none that comes from a fork."""
    return [
        minimal(world, pull)
        for pull in world.records.pulls.values()
        if pull.repository_id == of.id == pull.head_repository_id and pull.head_sha == sha and pull.state == "open"
    ]


def changed_file(world: State, of: Repository, change: git.FileChange, at: str) -> Json:
    """One row of GET …/pulls/{number}/files, without the patch."""
    page = repositories.page_url(world, of)
    return {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{page}/blob/{at}/{change.path}",
        "raw_url": f"{page}/raw/{at}/{change.path}",
        "contents_url": f"{repositories.api_url(world, of)}/contents/{change.path}?ref={at}",
    }


def comment(world: State, one: Comment) -> Json:
    of = world.repository(one.repository_id)
    api = repositories.api_url(world, of)
    return {
        "url": f"{api}/issues/comments/{one.id}",
        "html_url": f"{repositories.page_url(world, of)}/pull/{one.number}#issuecomment-{one.id}",
        "issue_url": f"{api}/issues/{one.number}",
        "id": one.id,
        "node_id": node_id("IC", one.id),
        "user": user(world, one.author),
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "author_association": association(world, of, one.author),
        "body": one.body,
    }


def _reactions(api: str) -> Json:
    kinds = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
    return {"url": f"{api}/reactions", "total_count": 0} | dict.fromkeys(kinds, 0)


def comment_of_webhook(world: State, one: Comment) -> Json:
    shape = comment(world, one)
    by_app = accounts.app(world) if one.author == world.bot else None
    return shape | {"reactions": _reactions(shape["url"]), "performed_via_github_app": by_app}


def issue(world: State, pull: PullRequest) -> Json:
    """A pull request as the issue that it also is: `issue` of an issue_comment webhook."""
    shape = simple(world, pull)
    api = shape["issue_url"]
    same: tuple[str, ...] = (
        "id",
        "node_id",
        "number",
        "title",
        "user",
        "labels",
        "state",
        "locked",
        "assignee",
        "assignees",
        "milestone",
    )
    same += ("created_at", "updated_at", "closed_at", "author_association", "active_lock_reason", "body", "draft")
    every = world.records.comments.values()
    return {name: shape[name] for name in same} | {
        "url": api,
        "repository_url": shape["base"]["repo"]["url"],
        "labels_url": f"{api}/labels{{/name}}",
        "comments_url": f"{api}/comments",
        "events_url": f"{api}/events",
        "html_url": shape["html_url"],
        "comments": sum((one.repository_id, one.number) == (pull.repository_id, pull.number) for one in every),
        "reactions": _reactions(api),
        "timeline_url": f"{api}/timeline",
        "performed_via_github_app": None,
        "state_reason": None,
        "pull_request": {
            "url": shape["url"],
            "html_url": shape["html_url"],
            "diff_url": shape["diff_url"],
            "patch_url": shape["patch_url"],
            "merged_at": pull.merged_at,
        },
    }


def review(world: State, one: Review) -> Json:
    of = world.repository(one.repository_id)
    page = f"{repositories.page_url(world, of)}/pull/{one.number}#pullrequestreview-{one.id}"
    pull = f"{repositories.api_url(world, of)}/pulls/{one.number}"
    return {
        "id": one.id,
        "node_id": node_id("PRR", one.id),
        "user": user(world, one.author),
        "body": one.body,
        "state": one.state,
        "html_url": page,
        "pull_request_url": pull,
        "author_association": association(world, of, one.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": pull}},
        "submitted_at": one.submitted_at,
        "commit_id": one.commit_id,
    }


def review_of_webhook(world: State, one: Review) -> Json:
    """The webhook writes the state in small letters."""
    return review(world, one) | {"state": one.state.lower()}
