"""What holds for every request: routes, pages of lists, budgets, and what is unknown (`sandbox/api/answer.py`)."""

from published import operation

from sonde.sandbox.api.routes import ROUTES

REPO = "/repos/acme/infra"


def test_every_route_is_one_of_githubs():
    for route in ROUTES:
        operation(route.method, route.path.replace("{", "").replace("}", ""))


def test_lists_are_paged_with_links(client, github, pull):
    for number in range(5):
        github.world.create_comment(github.world.repository("acme/infra"), 1, str(number), author="octo-dev")
    first = client.get(f"{REPO}/issues/1/comments", params={"per_page": "2"})
    assert [row["body"] for row in first.json()] == ["0", "1"]
    assert first.links["next"]["url"].endswith("?per_page=2&page=2")
    last = client.get(f"{REPO}/issues/1/comments", params={"per_page": "2", "page": "3"})
    assert [row["body"] for row in last.json()] == ["4"]
    assert "next" not in last.links


def test_what_is_unknown_is_404_and_is_recorded(client, github):
    answer = client.http.get(f"{github.api_url}/zen")
    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
    assert github.world.unknown_requests == ["GET /zen"]
    github.world.unknown_requests.clear()


def test_an_exhausted_budget_is_refused_until_its_reset(client, github, clock):
    assert client.get(REPO).headers["x-ratelimit-limit"] == "5000"
    github.api.exhaust(seconds=120)
    refused = client.get(REPO)
    assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert "API rate limit exceeded for installation ID" in refused.json()["message"]
    assert int(refused.headers["x-ratelimit-reset"]) == int(clock().timestamp()) + 120
    clock.advance(seconds=120)
    assert client.get(REPO).status_code == 200


def test_requests_are_counted_by_route(client, github):
    client.get(f"{REPO}/contents/README.md")
    client.get(f"{REPO}/contents/stacks/dev.yaml")
    assert github.world.counters["request", "GET", "/repos/{owner}/{repo}/contents/{path}"] == 2
