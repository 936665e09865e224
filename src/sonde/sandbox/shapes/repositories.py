"""Repositories and what git holds: commits, branches, refs, files."""

import base64
from collections.abc import Sequence
from urllib.parse import quote

from sonde.sandbox import git
from sonde.sandbox.model import Repository
from sonde.sandbox.shapes.accounts import Json, node_id, user
from sonde.sandbox.state import State

# Suffixes of the repository's API address, GitHub's own list.
URLS = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}


def api_url(world: State, of: Repository) -> str:
    return f"{world.api_url}/repos/{of.full_name}"


def page_url(world: State, of: Repository) -> str:
    return f"{world.html_url}/{of.full_name}"


def minimal(world: State, of: Repository) -> Json:
    """`repository` of a workflow run."""
    api = api_url(world, of)
    return {
        "id": of.id,
        "node_id": node_id("R", of.id),
        "name": of.name,
        "full_name": of.full_name,
        "private": of.private,
        "owner": user(world, of.owner),
        "html_url": page_url(world, of),
        "description": of.description,
        "fork": of.fork_of is not None,
        "url": api,
    } | {name: api + suffix for name, suffix in URLS.items()}


def repository(world: State, of: Repository) -> Json:
    """`repository` of a webhook, and of a pull request's head and base."""
    page = page_url(world, of)
    host = world.html_url.partition("://")[2]
    issues = sum(pull.state == "open" for pull in world.records.pulls.values() if pull.repository_id == of.id)
    return minimal(world, of) | {
        "created_at": of.created_at,
        "updated_at": of.updated_at,
        "pushed_at": of.pushed_at,
        "git_url": f"git://{host}/{of.full_name}.git",
        "ssh_url": f"git@{host}:{of.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "homepage": None,
        "size": 1,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": "HCL",
        "has_issues": True,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": sum(other.fork_of == of.id for other in world.records.repositories.values()),
        "mirror_url": None,
        "archived": False,
        "disabled": False,
        "open_issues_count": issues,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if of.private else "public",
        "forks": 0,
        "open_issues": issues,
        "watchers": 0,
        "default_branch": of.default_branch,
        "custom_properties": {},
    }


def full(world: State, of: Repository) -> Json:
    """GET /repos/{owner}/{repo}."""
    return repository(world, of) | {"network_count": 0, "subscribers_count": 0}


def reference(world: State, of: Repository) -> Json:
    """The three fields by which a run or a check names a pull request's repositories."""
    return {"id": of.id, "url": api_url(world, of), "name": of.name}


def simple_commit(world: State, of: Repository, sha: str) -> Json:
    """`head_commit` of a run or a merge group."""
    commit = git.describe(world.bare(of), sha)
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "message": commit.message,
        "timestamp": commit.date,
        "author": {"name": commit.author_name, "email": commit.author_email},
        "committer": {"name": "GitHub", "email": "noreply@github.com"},
    }


def pushed_commit(world: State, of: Repository, sha: str) -> Json:
    """One of `commits` of a push: the simple commit and the names of its files."""
    bare = world.bare(of)
    parents = git.describe(bare, sha).parents
    files = git.diff(bare, parents[0], sha) if parents else []
    by_status: dict[str, list[str]] = {"added": [], "modified": [], "removed": []}
    for change in files:
        by_status.get(change.status, by_status["modified"]).append(change.path)
    return simple_commit(world, of, sha) | {"distinct": True, "url": f"{page_url(world, of)}/commit/{sha}"} | by_status


def commit(world: State, of: Repository, sha: str) -> Json:
    """GET /repos/{owner}/{repo}/commits/{ref}."""
    found = git.describe(world.bare(of), sha)
    api, page = api_url(world, of), page_url(world, of)
    person = {"name": found.author_name, "email": found.author_email, "date": found.date}
    return {
        "sha": sha,
        "node_id": f"C_{sha}",
        "url": f"{api}/commits/{sha}",
        "html_url": f"{page}/commit/{sha}",
        "comments_url": f"{api}/commits/{sha}/comments",
        "commit": {
            "author": person,
            "committer": {"name": "GitHub", "email": "noreply@github.com", "date": found.date},
            "message": found.message,
            "tree": {"sha": found.tree, "url": f"{api}/git/trees/{found.tree}"},
            "url": f"{api}/git/commits/{sha}",
            "comment_count": 0,
        },
        "author": None,
        "committer": None,
        "parents": [
            {"sha": parent, "url": f"{api}/commits/{parent}", "html_url": f"{page}/commit/{parent}"}
            for parent in found.parents
        ],
    }


def git_commit(world: State, of: Repository, sha: str) -> Json:
    """Reply of POST …/git/commits: the git object. What an App commits without an author is signed by GitHub."""
    shape = commit(world, of, sha)
    verification = {"verified": True, "reason": "valid", "payload": None, "signature": None, "verified_at": None}
    of_git = {name: shape["commit"][name] for name in ("author", "committer", "message", "tree", "url")}
    same = {name: shape[name] for name in ("sha", "node_id", "html_url", "parents")}
    return of_git | same | {"verification": verification}


def tree(world: State, of: Repository, sha: str, entries: Sequence[git.Entry]) -> Json:
    api = api_url(world, of)
    rows = [
        {"path": entry.path, "mode": entry.mode, "type": entry.type, "sha": entry.sha, "size": entry.size}
        | {"url": f"{api}/git/{entry.type}s/{entry.sha}"}
        for entry in entries
    ]
    return {"sha": sha, "url": f"{api}/git/trees/{sha}", "truncated": False, "tree": rows}


def branch(world: State, of: Repository, name: str, sha: str) -> Json:
    api = f"{api_url(world, of)}/branches/{quote(name)}"
    protected = name in of.protected_branches
    return {
        "name": name,
        "commit": commit(world, of, sha),
        "_links": {"self": api, "html": f"{page_url(world, of)}/tree/{quote(name)}"},
        "protected": protected,
        "protection": {"enabled": protected, "required_status_checks": {"contexts": [], "checks": []}},
        "protection_url": f"{api}/protection",
    }


def ref(world: State, of: Repository, name: str, sha: str) -> Json:
    """`name` is complete: refs/heads/main."""
    api = api_url(world, of)
    return {
        "ref": name,
        "node_id": f"REF_{base64.urlsafe_b64encode(name.encode()).decode().rstrip('=')}",
        "url": f"{api}/git/{quote(name)}",
        "object": {"type": "commit", "sha": sha, "url": f"{api}/git/commits/{sha}"},
    }


def _place(world: State, of: Repository, path: str, sha: str, at: str) -> Json:
    """Addresses of a file or folder, common to a file's description and a row of a folder's."""
    api = f"{api_url(world, of)}/contents/{quote(path)}?ref={quote(at, safe='')}"
    page = f"{page_url(world, of)}/blob/{quote(at)}/{quote(path)}"
    blob = f"{api_url(world, of)}/git/blobs/{sha}"
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "url": api,
        "git_url": blob,
        "html_url": page,
        "download_url": f"{page_url(world, of)}/raw/{quote(at)}/{quote(path)}",
        "_links": {"self": api, "git": blob, "html": page},
    }


def file(world: State, of: Repository, path: str, *, sha: str, content: bytes, at: str) -> Json:
    """Over 1 MB GitHub leaves the content out and says so by the encoding `none`."""
    inline = len(content) <= 1024 * 1024
    return _place(world, of, path, sha, at) | {
        "type": "file",
        "size": len(content),
        "encoding": "base64" if inline else "none",
        "content": base64.encodebytes(content).decode() if inline else "",
    }


def folder(world: State, of: Repository, path: str, *, entries: Sequence[git.Entry], at: str) -> list[Json]:
    kinds = {"blob": "file", "tree": "dir", "commit": "file"}  # a submodule is a `file` here before version 2026-03-10
    return [
        _place(world, of, f"{path}/{entry.path}".lstrip("/"), entry.sha, at)
        | {"type": kinds[entry.type], "size": entry.size}
        for entry in entries
    ]
