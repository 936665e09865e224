"""Users, organisations, the App and its installations."""

import base64
from typing import Any

from sonde.sandbox.model import Account, App, Installation, Repository
from sonde.sandbox.state import State

Json = dict[str, Any]

ACTIONS_APP_ID = 15368  # github-actions, the App that owns the check runs of jobs


def node_id(prefix: str, number: int) -> str:
    """An opaque id as GitHub's GraphQL has them: a prefix for the kind, then bytes."""
    return f"{prefix}_{base64.urlsafe_b64encode(number.to_bytes(8, 'big')).decode().rstrip('=')}"


def user(world: State, login: str) -> Json:
    account = world.account(login)
    api = f"{world.api_url}/users/{account.login.replace('[bot]', '%5Bbot%5D')}"
    page = account.login
    if account.type == "Bot":
        page = f"apps/{account.login.removesuffix('[bot]')}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("O" if account.type == "Organization" else "U", account.id),
        "avatar_url": f"{world.html_url}/avatars/u/{account.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{world.html_url}/{page}",
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": account.type,
        "site_admin": False,
    }


def organization(world: State, account: Account) -> Json:
    api = f"{world.api_url}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("O", account.id),
        "url": api,
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events",
        "hooks_url": f"{api}/hooks",
        "issues_url": f"{api}/issues",
        "members_url": f"{api}/members{{/member}}",
        "public_members_url": f"{api}/public_members{{/member}}",
        "avatar_url": f"{world.html_url}/avatars/o/{account.id}",
        "description": None,
    }


def app(world: State, app_id: int | None = None) -> Json:
    """Our App, or with its id GitHub's own `github-actions`."""
    ours = world.records.app
    if app_id == ACTIONS_APP_ID:
        return _app(world, _actions_app(ours.created_at))
    return _app(world, ours)


def _actions_app(created_at: str) -> App:
    return App(
        id=ACTIONS_APP_ID,
        slug="github-actions",
        name="GitHub Actions",
        owner="github",
        client_id="Iv1.github-actions",
        webhook_secret="",
        webhook_url=None,
        permissions={"actions": "write", "checks": "write", "contents": "write", "metadata": "read"},
        events=[],
        created_at=created_at,
    )


def _app(world: State, of: App) -> Json:
    return {
        "id": of.id,
        "slug": of.slug,
        "node_id": node_id("A", of.id),
        "owner": user(world, of.owner),
        "name": of.name,
        "description": "",
        "external_url": f"{world.html_url}/apps/{of.slug}",
        "html_url": f"{world.html_url}/apps/{of.slug}",
        "created_at": of.created_at,
        "updated_at": of.created_at,
        "permissions": of.permissions,
        "events": of.events,
    }


def installation(world: State, of: Installation) -> Json:
    account = world.account(of.account)
    return {
        "id": of.id,
        "account": user(world, of.account),
        "repository_selection": "all" if of.repository_ids is None else "selected",
        "access_tokens_url": f"{world.api_url}/app/installations/{of.id}/access_tokens",
        "repositories_url": f"{world.api_url}/installation/repositories",
        "html_url": f"{world.html_url}/organizations/{of.account}/settings/installations/{of.id}",
        "app_id": world.records.app.id,
        "app_slug": world.records.app.slug,
        "target_id": account.id,
        "target_type": account.type,
        "permissions": of.permissions,
        "events": world.records.app.events,
        "created_at": of.created_at,
        "updated_at": of.updated_at,
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": user(world, of.account) if of.suspended_at else None,
        "suspended_at": of.suspended_at,
    }


def installation_lite(of: Installation) -> Json:
    return {"id": of.id, "node_id": node_id("MDIz", of.id)}


def repository_lite(of: Repository) -> Json:
    """What installation webhooks say of a repository."""
    return {
        "id": of.id,
        "node_id": node_id("R", of.id),
        "name": of.name,
        "full_name": of.full_name,
        "private": of.private,
    }
