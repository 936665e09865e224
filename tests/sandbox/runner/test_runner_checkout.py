"""The built-in actions/checkout, with real git."""

import pytest


def checkout(*scripts, **given):
    inputs = "".join(f"          {name}: '{value}'\n" for name, value in given.items())
    with_ = f"        with:\n{inputs}" if given else ""
    runs = "".join(f"      - run: {script}\n" for script in scripts)
    return f"jobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n{with_}{runs}"


LOOK = "git log --format=%s --all; echo $(git rev-parse --abbrev-ref HEAD) $(cat file)"


def test_a_branch_is_checked_out_alone_by_default(run):
    told = run(checkout(LOOK))
    assert told.steps[1].log == "three\nmain three\n"


def test_a_pull_request_is_checked_out_at_its_merge(run, repository):
    told = run(checkout("git rev-parse HEAD"), ref="refs/pull/7/merge", sha=repository.shas["merge"])
    assert told.steps[1].log.strip() == repository.shas["merge"]


def test_depth_zero_brings_all_history_and_branches(run, repository):
    text = checkout(
        "git merge-base origin/main origin/feature; git tag; git rev-parse --verify -q origin/HEAD || echo no",
        **{"fetch-depth": 0, "ref": "${{ github.event.pull_request.head.sha }}"},
    )
    payload = {"pull_request": {"head": {"sha": repository.shas["change"]}}}
    told = run(text + "      - run: git rev-parse HEAD\n", payload=payload)
    assert told.steps[1].log == f"{repository.shas['two']}\nv1\nno\n"
    assert told.steps[2].log.strip() == repository.shas["change"]


def test_depth_zero_takes_the_commit_of_the_run_although_its_branch_went_on(run, repository):
    text = checkout("cat file; git branch --show-current", **{"fetch-depth": 0})
    assert run(text, sha=repository.shas["two"]).steps[1].log == "twomain\n"


@pytest.mark.parametrize(("ref", "content"), [("feature", "change"), ("v1", "one"), ("refs/heads/main", "three")])
def test_a_ref_is_a_branch_or_a_tag(run, ref, content):
    told = run(checkout("cat file", ref=ref))
    assert told.steps[1].log == content


def test_an_empty_ref_is_the_commit_of_the_run(run, repository):
    told = run(checkout("cat file", ref="${{ inputs.sha }}"), sha=repository.shas["two"])
    assert told.steps[1].log == "two"


def test_the_remote_is_named_as_on_github_and_fetched_from_the_local_path(run):
    text = checkout(
        "git config --local remote.origin.url", "git fetch -q origin feature && git log -1 --format=%s FETCH_HEAD"
    )
    text += "      - run: git ls-remote ${{ github.server_url }}/${{ github.repository }}.git refs/tags/v1 | cut -f 2\n"
    told = run(text, server_url="https://localhost:4443")
    assert [step.log for step in told.steps[1:]] == ["https://github.com/acme/infra\n", "change\n", "refs/tags/v1\n"]


def test_two_checkouts_stand_side_by_side_in_their_paths(run):
    text = checkout("cat head/file base/file", path="head", ref="feature").replace(
        "      - run", "      - uses: actions/checkout@v4\n        with: {path: base, ref: main}\n      - run", 1
    )
    assert run(text).steps[2].log == "changethree"


def test_a_second_checkout_into_the_same_folder_deepens_and_cleans(run):
    text = (
        checkout("echo x > dirt; echo y > file").replace("      - run", "      - run", 1)
        + "      - uses: actions/checkout@v4\n        with: {fetch-depth: 0}\n      - run: ls; git log --format=%s\n"
    )
    told = run(text)
    assert told.steps[2].conclusion == "success"
    assert told.steps[3].log == "file\none\nthree\ntwo\nthree\ntwo\none\n"


def test_each_job_has_a_fresh_folder(run):
    told = run("""
        jobs:
          a:
            runs-on: x
            steps: [{uses: actions/checkout@v4}, {run: touch left}]
          b:
            needs: a
            runs-on: x
            steps: [{run: ls | wc -l}]
        """)
    assert told.steps[2].log == "0\n"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ref": "nowhere"}, "couldn't find remote ref"),
        ({"ref": "0" * 40}, "not our ref"),
        ({"path": "../../out"}, "is not under"),
        ({"fetch-depth": "all"}, "fetch-depth 'all' is not a number"),
    ],
)
def test_a_checkout_that_cannot_be_fails_its_step_and_says_why(run, given, says):
    told = run(checkout("echo never", **given))
    assert [step.conclusion for step in told.steps] == ["failure", "skipped"]
    assert says in told.steps[0].log


def test_the_commit_is_an_output(run, repository):
    text = checkout("echo ${{ steps.c.outputs.commit }}").replace("- uses", "- id: c\n        uses")
    assert run(text).steps[1].log.strip() == repository.shas["three"]
