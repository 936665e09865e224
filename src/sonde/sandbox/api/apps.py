"""The App, its installations and tokens, its webhook and deliveries; accounts."""

from sonde.sandbox.accounts import Refused, not_found
from sonde.sandbox.api.call import MAX_PER_PAGE, PER_PAGE, Call, Reply, paged, positive, reaches
from sonde.sandbox.model import Delivery, Installation
from sonde.sandbox.shapes import accounts, repositories
from sonde.sandbox.shapes.accounts import Json


def get_app(call: Call) -> Reply:
    count = len(call.world.records.installations)
    client = {"client_id": call.world.records.app.client_id, "installations_count": count}
    return Reply(200, accounts.app(call.world) | client)


def list_installations(call: Call) -> Reply:
    page, links = paged(call, list(call.world.records.installations.values()))
    return Reply(200, [accounts.installation(call.world, one) for one in page], links)


def _installation(call: Call) -> Installation:
    found = call.world.records.installations.get(call.number("installation_id"))
    if found is None:
        raise not_found()
    return found


def get_installation(call: Call) -> Reply:
    return Reply(200, accounts.installation(call.world, _installation(call)))


def get_repository_installation(call: Call) -> Reply:
    found = call.world.installation_of(call.repository)
    if found is None:
        raise not_found()
    return Reply(200, accounts.installation(call.world, found))


def get_org_installation(call: Call) -> Reply:
    for one in call.world.records.installations.values():
        if one.account.lower() == call.params["org"].lower():
            return Reply(200, accounts.installation(call.world, one))
    raise not_found()


def create_token(call: Call) -> Reply:
    """POST …/access_tokens: one hour, narrowed by `repositories`, `repository_ids` and `permissions`."""
    installation = _installation(call)
    if installation.suspended_at:
        raise Refused(403, "This installation has been suspended")
    chosen = _chosen_repositories(call, installation)
    token = call.world.mint_token(installation, repository_ids=chosen, permissions=call.json.get("permissions"))
    body: Json = {
        "token": token.value,
        "expires_at": token.expires_at,
        "permissions": token.permissions,
        "repository_selection": "all" if token.repository_ids is None else "selected",
    }
    if token.repository_ids is not None:
        shown = [call.world.repository(number) for number in token.repository_ids]
        body["repositories"] = [repositories.repository(call.world, one) for one in shown]
    return Reply(201, body)


def _chosen_repositories(call: Call, installation: Installation) -> list[int] | None:
    names, numbers = call.json.get("repositories"), call.json.get("repository_ids")
    if names is None and numbers is None:
        return None
    chosen = []
    for one in call.world.records.repositories.values():
        covered = installation.repository_ids is None or one.id in installation.repository_ids
        if one.owner == installation.account and covered and (one.name in (names or ()) or one.id in (numbers or ())):
            chosen.append(one.id)
    if len(chosen) < max(len(set(names or ())), len(set(numbers or ()))):
        raise Refused(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        )
    return chosen


def revoke_token(call: Call) -> Reply:
    with call.world.change():
        if call.token is not None:
            del call.world.records.tokens[call.token.value]
    return Reply(204)


def list_repositories(call: Call) -> Reply:
    """GET /installation/repositories."""
    token = call.token
    found = [
        one for one in call.world.records.repositories.values() if token is not None and reaches(call.world, token, one)
    ]
    page, links = paged(call, found)
    rows = [repositories.repository(call.world, one) for one in page]
    return Reply(200, {"total_count": len(found), "repositories": rows}, links)


def get_user(call: Call) -> Reply:
    try:
        shape = accounts.user(call.world, call.params["username"])
    except KeyError as error:
        raise not_found() from error
    times = dict.fromkeys(("created_at", "updated_at"), call.world.records.app.created_at)
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    empty = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio"))
    return Reply(200, shape | empty | counts | times)


# --- the App's webhook


def get_hook_config(call: Call) -> Reply:
    url = call.world.records.app.webhook_url
    config = {"content_type": "json", "insecure_ssl": "0", "secret": "********"}
    return Reply(200, config | ({"url": url} if url else {}))


def update_hook_config(call: Call) -> Reply:
    with call.world.change():
        app = call.world.records.app
        app.webhook_url = call.json.get("url", app.webhook_url)
        app.webhook_secret = call.json.get("secret", app.webhook_secret)
    return get_hook_config(call)


def _delivery(one: Delivery) -> Json:
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": one.delivered_at or one.created_at,
        "redelivery": one.redelivery,
        "duration": round(one.duration, 2),
        "status": one.status,
        "status_code": one.status_code,
        "event": one.event,
        "action": one.action,
        "installation_id": one.installation_id,
        "repository_id": one.repository_id,
        "throttled_at": None,
    }


def list_deliveries(call: Call) -> Reply:
    """Newest first; paged by `cursor`, which here is the id of the last row seen."""
    cursor = call.request.query.get("cursor", "")
    if cursor and not cursor.isdecimal():
        raise Refused(400, "Invalid cursor")
    size = min(positive(call, "per_page", PER_PAGE), MAX_PER_PAGE)
    ranges = {"success": range(200, 400), "failure": range(400, 600)}
    codes = ranges.get(call.request.query.get("status", ""), range(1000))
    every = sorted((one for one in call.world.deliveries() if one.status_code in codes), key=lambda one: -one.id)
    rest = [one for one in every if not cursor or one.id < int(cursor)]
    page = rest[:size]
    links = {}
    if len(rest) > size:
        address = f"{call.world.api_url}/app/hook/deliveries?per_page={size}&cursor={page[-1].id}"
        links = {"link": f'<{address}>; rel="next"'}
    return Reply(200, [_delivery(one) for one in page], links)


def _found_delivery(call: Call) -> Delivery:
    found = call.world.records.deliveries.get(call.number("delivery_id"))
    if found is None:
        raise not_found()
    return found


def get_delivery(call: Call) -> Reply:
    one = _found_delivery(call)
    request = {"headers": one.request_headers, "payload": call.world.payload(one)}
    response = {"headers": one.response_headers, "payload": one.response_body}
    url = call.world.records.app.webhook_url or ""
    return Reply(200, _delivery(one) | {"url": url, "request": request, "response": response})


def redeliver(call: Call) -> Reply:
    call.world.redeliver(_found_delivery(call).guid)
    return Reply(202, {})
