"""What of several instances may start next."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonde.cli.tf.order import Node
from sonde.cli.tf.schedule import FAIL_FAST, KEEP_GOING, Ended, Job, Next, decide


def job(needs, folders=None, limit=9, mode=FAIL_FAST):
    """`needs` is "b:a c:ab": b needs a, c needs both. Each has its own folder unless `folders` gives it another's."""
    wanted = dict(item.partition(":")[::2] for item in needs.split())
    node = {name: Node(name, "dev") for name in wanted}
    return Job(
        tuple(node.values()),
        {node[name]: frozenset(node[need] for need in wanted[name]) for name in wanted},
        {node[name]: (folders or {}).get(name, name) for name in wanted},
        limit,
        mode,
    )


def nodes(names):
    return tuple(Node(name, "dev") for name in names)


OK, BAD, LEFT = Ended("succeeded"), Ended("failed", 1, "exit code 1"), Ended("skipped", 1, "dependency a-dev failed")
FAST, LOST = "fail-fast after a-dev failed", "dependency a-dev failed"


@pytest.mark.parametrize(
    ("given", "ended", "running", "start", "skip"),
    [
        pytest.param(job("a b c"), {}, "", "abc", {}, id="what needs nothing starts"),
        pytest.param(job("a b c", limit=2), {}, "", "ab", {}, id="no more than the limit"),
        pytest.param(job("a b c", limit=2), {}, "b", "a", {}, id="what runs counts"),
        pytest.param(job("a b:a"), {}, "a", "", {}, id="what it needs still runs"),
        pytest.param(job("a b:a"), {"a": OK}, "", "b", {}, id="what it needs is done"),
        pytest.param(job("a b:a c:ab"), {"a": OK}, "b", "", {}, id="one of two is done"),
        pytest.param(job("a b c", {"b": "a"}), {}, "", "ac", {}, id="one in a folder"),
        pytest.param(job("a b c", {"b": "a"}, limit=2), {}, "a", "c", {}, id="a busy folder takes no slot"),
        pytest.param(job("a b", {"b": "a"}), {"a": OK}, "", "b", {}, id="the folder is free again"),
        pytest.param(job("a b c:a"), {"a": BAD}, "b", "", {"c": FAST}, id="nothing new after a failure"),
        pytest.param(job("a b c d"), {"b": OK, "a": BAD}, "c", "", {"d": FAST}, id="the reason is what failed"),
        pytest.param(job("a b c:a d", mode=KEEP_GOING), {"a": BAD}, "b", "d", {"c": LOST}, id="others go on"),
        pytest.param(
            job("a b:a c:b", mode=KEEP_GOING), {"a": BAD}, "", "", {"b": LOST, "c": LOST}, id="through others"
        ),
        pytest.param(
            job("a b:a c:b", mode=KEEP_GOING), {"a": BAD, "b": LEFT}, "", "", {"c": LOST}, id="skipped before"
        ),
        pytest.param(job("a b"), {"a": OK, "b": OK}, "", "", {}, id="all is done"),
    ],
)
def test_what_starts_and_what_is_skipped(given, ended, running, start, skip):
    ended = {Node(name, "dev"): how for name, how in ended.items()}
    expected = Next(nodes(start), {Node(name, "dev"): why for name, why in skip.items()})
    assert decide(given, ended, nodes(running)) == expected


@pytest.mark.parametrize("mode", [FAIL_FAST, KEEP_GOING])
def test_after_an_interrupt_nothing_starts(mode):
    given = job("a b c:a", mode=mode)
    assert decide(given, {}, nodes("a"), interrupted=True) == Next(skip=dict.fromkeys(nodes("bc"), "interrupted"))


@st.composite
def jobs(draw):
    count = draw(st.integers(1, 8))
    names = [Node(str(number), "dev") for number in range(count)]
    needs = {
        name: frozenset(draw(st.sets(st.sampled_from(names[:number])) if number else st.just(set())))
        for number, name in enumerate(names)
    }
    folders = {name: draw(st.sampled_from("abc")) for name in names}
    return Job(tuple(names), needs, folders, draw(st.integers(1, 4)), draw(st.sampled_from([FAIL_FAST, KEEP_GOING])))


@settings(suppress_health_check=[HealthCheck.too_slow])  # a machine that stalls says nothing about us
@given(jobs(), st.data())
def test_whatever_fails_whenever_each_ends_once_and_never_runs_too_early_or_with_too_many(given_job, data):
    ended, running, interrupted = {}, set(), False
    while True:
        interrupted = interrupted or data.draw(st.integers(0, 9)) == 0
        step = decide(given_job, ended, running, interrupted=interrupted)
        assert not step.skip.keys() & (ended.keys() | running | set(step.start))
        assert all(step.skip.values()), "a reason for each"
        ended |= {node: Ended("skipped", 1, why) for node, why in step.skip.items()}
        for node in step.start:
            assert node not in ended
            assert node not in running
            assert all(ended[need].status == "succeeded" for need in given_job.needs[node])
            assert given_job.folders[node] not in {given_job.folders[other] for other in running}
            running.add(node)
        assert len(running) <= given_job.limit
        if not running:
            break
        done = data.draw(st.sampled_from(sorted(running)))
        running.remove(done)
        ended[done] = data.draw(st.sampled_from([OK, OK, BAD]))
    assert ended.keys() == set(given_job.order)
    failed = {node for node, how in ended.items() if how.status == "failed"}
    for how in ended.values():
        if how.status == "skipped" and given_job.failure_mode == KEEP_GOING and not interrupted:
            assert any(how.why == f"dependency {each.id} failed" for each in failed)
    assert failed or interrupted or all(how.status == "succeeded" for how in ended.values())
