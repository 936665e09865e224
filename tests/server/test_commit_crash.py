"""Kill -9 while a commit is made: the client asks again and there is one commit and one comment."""

from signal import SIGKILL

import pytest
from crash import Story
from storm import stormy
from test_git_commit import BOT, body

from sonde.sandbox import git

KILLS = [
    ("sqlite", f"{name}:{side}")
    for name in ("commit.sending", "github.commit.create", "commit.result")
    for side in ("before", "after")
]
KILLS += [("postgresql", "github.commit.create:after")]
ALWAYS = {("sqlite", "github.commit.create:after")}


def asked(story, run):
    """The SHA, after as many tries as a client makes."""
    tokens = []
    story.until(lambda: tokens.append(story.session(run)) or tokens[-1])
    for _ in range(4):
        answer = story.call("POST", "/api/v1/git/commit", body(comment="Formatted by CI"), tokens[-1])
        if answer is not None and answer[0] == 200:
            return answer[1]["data"]["sha"]
        if answer is None:
            story.wait_ready()
    raise AssertionError(answer)


@pytest.mark.parametrize(("database_url", "point"), stormy(KILLS, ALWAYS), indirect=["database_url"])
def test_a_commit_is_made_once_whenever_the_process_dies(tmp_path, database_url, point):
    story = Story(tmp_path, database_url, crash_at=[point])
    try:
        story.keep_alive()
        story.github.set_webhook(f"http://127.0.0.1:{story.port}/webhooks/github")
        story.wait_ready()
        base = story.github.commit(story.infra, "feature", {"a.txt": "a change"}, author="octo-dev")
        pull = story.github.open_pull_request(story.infra, head="feature", author="octo-dev")
        sha = asked(story, next(iter(story.runs.requests)))
        assert story.exits == [-SIGKILL]
        bare = story.github.bare(story.infra)
        made = [git.describe(bare, one) for one in git.log(bare, base, pull.head_sha)]
        assert [(one.sha, one.author_name) for one in made] == [(sha, BOT)]

        def told():
            return [one for one in story.github.comments(story.infra, pull.number) if "Formatted by CI" in one.body]

        story.github.wait_until(told, timeout=20)
        assert len(told()) == 1
    finally:
        story.close()
