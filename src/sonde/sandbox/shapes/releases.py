"""Releases."""

from urllib.parse import quote

from sonde.sandbox.model import Release
from sonde.sandbox.shapes import repositories
from sonde.sandbox.shapes.accounts import Json, node_id, user
from sonde.sandbox.state import State


def release(world: State, one: Release) -> Json:
    of = world.repository(one.repository_id)
    api = f"{repositories.api_url(world, of)}/releases/{one.id}"
    page = repositories.page_url(world, of)
    return {
        "url": api,
        "assets_url": f"{api}/assets",
        "upload_url": f"{api}/assets{{?name,label}}",
        "html_url": f"{page}/releases/tag/{quote(one.tag)}",
        "id": one.id,
        "author": user(world, one.author),
        "node_id": node_id("RE", one.id),
        "tag_name": one.tag,
        "target_commitish": one.target,
        "name": one.name,
        "draft": False,
        "prerelease": one.prerelease,
        "created_at": one.created_at,
        "published_at": one.created_at,
        "assets": [],
        "tarball_url": f"{repositories.api_url(world, of)}/tarball/{quote(one.tag)}",
        "zipball_url": f"{repositories.api_url(world, of)}/zipball/{quote(one.tag)}",
        "body": one.body,
    }
