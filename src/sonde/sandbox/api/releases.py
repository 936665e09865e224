"""Releases."""

from sonde.sandbox.accounts import not_found
from sonde.sandbox.api.call import Call, Reply, paged
from sonde.sandbox.shapes.releases import release


def list_releases(call: Call) -> Reply:
    page, links = paged(call, call.world.releases_of(call.repository))
    return Reply(200, [release(call.world, one) for one in page], links)


def get_latest(call: Call) -> Reply:
    for one in call.world.releases_of(call.repository):
        if not one.prerelease:
            return Reply(200, release(call.world, one))
    raise not_found()


def get_by_tag(call: Call) -> Reply:
    for one in call.world.releases_of(call.repository):
        if one.tag == call.params["tag"]:
            return Reply(200, release(call.world, one))
    raise not_found()
