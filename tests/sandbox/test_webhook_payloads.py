"""Every webhook that the world writes is one that GitHub could have written."""

import published
import pytest

from sonde.sandbox.model import CheckRun


def tell_everything(world, infra):
    """A story in which every kind of event happens."""
    world.records.app.events = ["check_run", "issue_comment", "merge_group", "pull_request"]
    world.records.app.events += [
        "pull_request_review",
        "push",
        "release",
        "repository",
        "workflow_dispatch",
        "workflow_job",
        "workflow_run",
    ]
    world.commit(infra, "feature", {"a.yaml": "a: 1\n", "README.md": None}, "Add a\n\nbody", author="octo-dev")
    pull = world.open_pull_request(infra, head="feature", author="octo-dev", body="please", draft=True)
    world.set_draft(pull, draft=False)
    world.set_draft(pull, draft=True)
    world.set_draft(pull, draft=False)
    world.edit(pull, title="Another title")
    world.commit(infra, "feature", {"a.yaml": "a: 2\n"}, author="octo-dev")
    world.close(pull)
    world.reopen(pull)
    for run_id in list(world.executor.requests):
        world.executor.complete(run_id)
    check = world.create_check_run(infra, {"name": "Sonde", "head_sha": pull.head_sha, "status": "in_progress"})
    world.update_check_run(check, {"conclusion": "success", "output": {"title": "t", "summary": "s"}})
    world.rerequest(check, sender="octo-dev")
    world.press(check, "retry", sender="octo-dev")
    run = world.dispatch(infra, "plan.yaml", "main", {"component": "vpc"}, actor=world.bot)
    world.executor.begin(run.id)
    world.executor.complete(run.id, "failure")
    comment = world.create_comment(infra, pull.number, "hello", author="octo-dev")
    world.update_comment(comment, "hello again")
    world.delete_comment(comment)
    world.add_user("reviewer")
    world.dismiss(world.review(pull, "REQUEST_CHANGES", author="reviewer", body="no"))
    queued = world.enqueue(pull)
    world.dequeue(pull, queued)
    world.land(pull, world.enqueue(pull))
    world.fork(infra, "stranger")
    world.commit("stranger/infra", "idea", {"b.yaml": "b: 1\n"}, author="stranger")
    foreign = world.open_pull_request(infra, head="stranger:idea", author="stranger")
    world.merge(foreign, sender="octo-dev", method="squash")
    world.release(infra, "v1.0.0", author="octo-dev")
    world.rename(infra, "acme/platform")
    world.suspend("acme")
    world.unsuspend("acme")
    world.uninstall("acme")


def test_every_webhook_of_a_long_story_fits_the_published_schema(world, infra):
    tell_everything(world, infra)
    for delivery in world.deliveries():
        published.check_webhook(delivery.event, world.payload(delivery))


def test_the_story_has_every_event_that_a_control_plane_reads(world, infra):
    tell_everything(world, infra)
    seen = {f"{one.event}.{one.action or ''}".rstrip(".") for one in world.deliveries()}
    wanted = {"push", "workflow_dispatch", "repository.renamed", "release.published", "release.released"}
    wanted |= {f"installation.{action}" for action in ("created", "deleted", "suspend", "unsuspend")}
    actions = ("opened", "synchronize", "closed", "reopened", "edited", "ready_for_review", "converted_to_draft")
    wanted |= {f"pull_request.{action}" for action in actions}
    wanted |= {f"workflow_run.{action}" for action in ("requested", "in_progress", "completed")}
    wanted |= {f"workflow_job.{action}" for action in ("queued", "in_progress", "completed")}
    wanted |= {f"check_run.{action}" for action in ("created", "completed", "rerequested", "requested_action")}
    wanted |= {f"issue_comment.{action}" for action in ("created", "edited", "deleted")}
    wanted |= {"pull_request_review.submitted", "pull_request_review.dismissed"}
    wanted |= {"merge_group.checks_requested", "merge_group.destroyed"}
    assert wanted <= seen


def test_an_event_that_the_app_did_not_ask_for_is_not_sent(world, infra):
    world.records.app.events = ["push"]
    world.commit(infra, "feature", {"a": "1"}, author="octo-dev")
    world.open_pull_request(infra, head="feature", author="octo-dev")
    assert {one.event for one in world.deliveries()} == {"installation", "push"}


@pytest.mark.parametrize("away", ["suspend", "uninstall"])
def test_an_app_that_is_not_in_force_is_told_nothing_more(world, infra, away):
    getattr(world, away)("acme")
    before = len(world.deliveries())
    world.commit(infra, "feature", {"a": "1"}, author="octo-dev")
    assert len(world.deliveries()) == before


def test_a_synchronize_names_both_commits(world, infra):
    before = world.commit(infra, "feature", {"a": "1"}, author="octo-dev")
    world.open_pull_request(infra, head="feature", author="octo-dev")
    after = world.commit(infra, "feature", {"a": "2"}, author="octo-dev")
    payload = world.payload(world.deliveries("pull_request", "synchronize")[0])
    assert (payload["before"], payload["after"]) == (before, after)
    assert payload["pull_request"]["head"]["sha"] == after


def test_the_check_run_of_a_job_has_the_number_of_the_job(world, infra):
    run = world.dispatch(infra, "plan.yaml", "main", {"component": "vpc"}, actor=world.bot)
    facts = world.executor.begin(run.id)
    assert isinstance(world.records.check_runs[facts.check_run_id], CheckRun)
    assert world.jobs_of(run.id)[0].id == facts.check_run_id
