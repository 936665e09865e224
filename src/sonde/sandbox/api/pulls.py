"""Pull requests and their comments."""

from sonde.sandbox import git
from sonde.sandbox.accounts import Refused, not_found
from sonde.sandbox.api.call import Call, Reply, paged
from sonde.sandbox.model import PullRequest
from sonde.sandbox.shapes import pulls


def get_pull(call: Call) -> Reply:
    return Reply(200, pulls.pull_request(call.world, call.pull))


def list_pulls(call: Call) -> Reply:
    """Newest first; by `state` (default open), `head` (owner:branch) and `base`."""
    query = call.request.query
    state, head, base = query.get("state", "open"), query.get("head"), query.get("base")

    def wanted(pull: PullRequest) -> bool:
        owner = call.world.repository(pull.head_repository_id).owner
        return (
            state in ("all", pull.state)
            and head in (None, f"{owner}:{pull.head_branch}")
            and base in (None, pull.base_branch)
        )

    found = sorted(filter(wanted, call.world.pulls_of(call.repository)), key=lambda pull: -pull.number)
    page, links = paged(call, found)
    return Reply(200, [pulls.simple(call.world, pull) for pull in page], links)


def create_pull(call: Call) -> Reply:
    body = {name: call.json[name] for name in ("title", "body", "draft") if call.json.get(name) is not None}
    pull = call.world.open_pull_request(
        call.repository, head=call.required("head"), base=call.required("base"), author=call.login, **body
    )
    return Reply(201, pulls.pull_request(call.world, pull))


def update_pull(call: Call) -> Reply:
    """`title` and `state`; other fields are accepted and left alone."""
    pull, wanted = call.pull, call.json.get("state")
    with call.world.change():
        if call.json.get("title") not in (None, pull.title):
            call.world.edit(pull, title=call.json["title"], sender=call.login)
        if wanted == "closed" and pull.state == "open":
            call.world.close(pull, sender=call.login)
        if wanted == "open" and pull.state == "closed":
            call.world.reopen(pull, sender=call.login)
    return Reply(200, pulls.pull_request(call.world, pull))


def merge(call: Call) -> Reply:
    """409 if `sha` is no longer the head."""
    pull, body = call.pull, call.json
    if body.get("sha") not in (None, pull.head_sha):
        raise Refused(409, "Head branch was modified. Review and try the merge again.")
    method = body.get("merge_method", "merge")
    if method not in ("merge", "squash"):
        raise Refused(405, f"{method.capitalize()} merges are not allowed on this repository.")
    title, text = body.get("commit_title"), body.get("commit_message")
    message = "\n\n".join(part for part in (title, text) if part) or None
    sha = call.world.merge(pull, sender=call.login, method=method, message=message)
    return Reply(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def is_merged(call: Call) -> Reply:
    if call.pull.merged_at is None:
        raise not_found()
    return Reply(204)


def list_reviews(call: Call) -> Reply:
    page, links = paged(call, call.world.reviews_of(call.pull))
    return Reply(200, [pulls.review(call.world, one) for one in page], links)


def create_review(call: Call) -> Reply:
    event, body = call.json.get("event", "COMMENT"), call.json.get("body") or ""
    if event != "APPROVE" and not body:
        raise Refused(422, "Unprocessable Entity", ["Review body can't be blank"])
    one = call.world.review(call.pull, event, author=call.login, body=body)
    return Reply(200, pulls.review(call.world, one))


def dismiss_review(call: Call) -> Reply:
    call.required("message")
    one = call.of_repository(call.world.records.reviews, "review_id")
    return Reply(200, pulls.review(call.world, call.world.dismiss(one)))


def list_files(call: Call) -> Reply:
    bare, pull = call.world.bare(call.repository), call.pull
    start = git.merge_base(bare, pull.base_sha, pull.head_sha)
    page, links = paged(call, git.diff(bare, start, pull.head_sha) if start else [])
    rows = [pulls.changed_file(call.world, call.repository, change, pull.head_sha) for change in page]
    return Reply(200, rows, links)


def list_of_commit(call: Call) -> Reply:
    """GET …/commits/{sha}/pulls: the merged pull request that brought the commit, and those that carry it."""
    bare, sha = call.world.bare(call.repository), call.params["commit_sha"]
    full = git.resolve(bare, sha)
    if full is None:
        raise Refused(422, f"No commit found for SHA: {sha}")

    def carries(pull: PullRequest) -> bool:
        if pull.merged_at and pull.merge_commit_sha == full:
            return True
        return git.is_ancestor(bare, full, pull.head_sha) and not git.is_ancestor(bare, full, pull.base_sha)

    page, links = paged(call, [pull for pull in call.world.pulls_of(call.repository) if carries(pull)])
    return Reply(200, [pulls.simple(call.world, pull) for pull in page], links)


def list_comments(call: Call) -> Reply:
    """Oldest first."""
    page, links = paged(call, call.world.comments(call.repository, _issue(call)))
    return Reply(200, [pulls.comment(call.world, one) for one in page], links)


def _issue(call: Call) -> int:
    number = call.number("issue_number")
    if all(pull.number != number for pull in call.world.pulls_of(call.repository)):
        raise not_found()
    return number


def create_comment(call: Call) -> Reply:
    body = call.required("body")
    one = call.world.create_comment(call.repository, _issue(call), body, author=call.login)
    return Reply(201, pulls.comment(call.world, one))


def get_comment(call: Call) -> Reply:
    return Reply(200, pulls.comment(call.world, call.of_repository(call.world.records.comments, "comment_id")))


def update_comment(call: Call) -> Reply:
    one = call.of_repository(call.world.records.comments, "comment_id")
    return Reply(200, pulls.comment(call.world, call.world.update_comment(one, call.required("body"))))


def delete_comment(call: Call) -> Reply:
    call.world.delete_comment(call.of_repository(call.world.records.comments, "comment_id"))
    return Reply(204)
