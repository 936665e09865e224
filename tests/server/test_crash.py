"""Kill -9 at every point of the table, before and after it took effect: nothing is lost and nothing happens twice."""

from signal import SIGKILL

import pytest
from crash import Story
from storm import stormy

from sonde.server.kernel.points import CRASH_POINTS

IN_STORY = [name for name, point in CRASH_POINTS.items() if point.story]
EVERY_SIDE = [f"{name}:{side}" for name in IN_STORY for side in ("before", "after")]
EFFECTS = [
    point
    for point in EVERY_SIDE
    if point.startswith(("effect.", "github.dispatch", "github.comment", "delivery.", "upload."))
]
KILLS = [("sqlite", point) for point in EVERY_SIDE] + [
    ("postgresql", point) for point in EFFECTS
]  # PostgreSQL: where leases matter
ALWAYS = {  # one of each kind of step; `make storm` kills at all of them
    ("sqlite", "delivery.receive:after"),
    ("sqlite", "upload.match:before"),
    ("sqlite", "github.dispatch:after"),
    ("postgresql", "effect.result:before"),
}
SECOND = ["github.run.find:after", "effect.found:before", "effect.found:after", "engine.start:after"]


@pytest.fixture
def story(tmp_path, database_url):
    made = []

    def make(**more):
        made.append(Story(tmp_path, database_url, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def assert_once(told):
    assert told.dispatched() == ["database", "network"]
    comments = told.github.comments(told.infra, told.pull.number)
    assert len(comments) == 1
    checks = told.github.check_runs(told.infra, told.pull.head_sha, name="Atmos Pro")
    assert [check.conclusion for check in checks] == ["success"]


@pytest.mark.parametrize(("database_url", "point"), stormy(KILLS, ALWAYS), indirect=["database_url"])
def test_a_server_killed_at_a_point_dispatches_comments_and_checks_once(story, point):
    told = story(crash_at=[point])
    told.run()
    assert told.exits == [-SIGKILL], told.log()[:6000]
    assert_once(told)


@pytest.mark.parametrize(
    ("database_url", "second"),
    stormy([(kind, point) for kind in ("sqlite", "postgresql") for point in SECOND], {("postgresql", SECOND[0])}),
    indirect=["database_url"],
)
def test_a_server_killed_again_while_it_looks_for_a_lost_dispatch_still_dispatches_once(story, second):
    told = story(crash_at=["github.dispatch:after", second])
    told.run()
    assert told.exits == [-SIGKILL] * 2
    assert_once(told)


@pytest.mark.parametrize("database_url", stormy(["sqlite", "postgresql"], {"sqlite"}), indirect=True)
def test_every_write_and_call_of_the_story_has_a_row_and_every_row_is_reached(story, tmp_path):
    trace = tmp_path / "points"
    told = story(trace_to=str(trace))
    told.run()
    assert_once(told)
    reached = {line.partition(":")[0] for line in trace.read_text().split()}
    assert reached == set(IN_STORY)
