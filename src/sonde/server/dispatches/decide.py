"""Order, ends and conclusions. Pure: facts in, decision with its reason out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sonde.server.dispatches.model import ENDED, Advance, Conclusion, Dispatch, InstanceName, Move, Origin, State
from sonde.server.instances.decide import PROPOSING

BLOCKED_LIMIT = 60 * 60 * 1000  # milliseconds a dispatch waits for a lock before it fails (product.md §4 #23)

RUN_ENDS: Mapping[str, tuple[State, str]] = {
    "success": (State.SUCCEEDED, "the run succeeded"),
    "failure": (State.FAILED, "the run failed"),
    "cancelled": (State.FAILED, "the run was cancelled on GitHub"),
    "timed_out": (State.FAILED, "the run timed out"),
    "startup_failure": (State.FAILED, "the run could not start: look at the workflow file"),
    "action_required": (State.FAILED, "the run needs an approval on GitHub"),
    "stale": (State.FAILED, "GitHub gave the run up"),
    "neutral": (State.SUCCEEDED, "the run ended neutral"),
    "skipped": (State.FAILED, "every job of the run was skipped: look at the conditions in the workflow file"),
}


def advance(dispatches: Sequence[Dispatch], now: int) -> Advance:
    """What may go on: skip what lost a prerequisite, ready what has all of them, conclude when everything has ended."""
    current = {item.id: item for item in dispatches}
    moves: list[Move] = []
    while lost := _lost(list(current.values()), now):
        for move in lost:
            moves.append(move)
            current[move.dispatch.id] = replace(move.dispatch, state=move.to, because=move.because)
    ready = tuple(
        item
        for item in current.values()
        if item.state in (State.PLANNED, State.BLOCKED) and not _unfinished(item, current.values())
    )
    if any(item.state not in ENDED for item in current.values()):
        return Advance(tuple(moves), ready, None, _waiting_for(list(current.values())))
    conclusion, because = conclude(list(current.values()))
    return Advance(tuple(moves), (), conclusion, because)


def _lost(dispatches: Sequence[Dispatch], now: int) -> list[Move]:
    ended_badly = {
        item.instance: item for item in dispatches if item.state in ENDED and item.state is not State.SUCCEEDED
    }
    moves = []
    for item in dispatches:
        if item.state not in (State.PLANNED, State.BLOCKED):
            continue
        if broken := next((name for name in item.after if name in ended_badly), None):
            moves.append(Move(item, State.SKIPPED, f"its prerequisite {broken} {_ended_as(ended_badly[broken])}"))
        elif (
            item.state is State.BLOCKED and item.blocked_since is not None and now - item.blocked_since >= BLOCKED_LIMIT
        ):
            moves.append(Move(item, State.FAILED, f"gave up after 60 minutes: {item.because}"))
    return moves


def _ended_as(dispatch: Dispatch) -> str:
    return {State.FAILED: "failed", State.SKIPPED: "was skipped", State.CANCELLED: "was cancelled"}[dispatch.state]


def _unfinished(dispatch: Dispatch, dispatches: Iterable[Dispatch]) -> bool:
    return any(other.instance in dispatch.after and other.state is not State.SUCCEEDED for other in dispatches)


def _waiting_for(dispatches: Sequence[Dispatch]) -> str:
    counts: dict[State, int] = {}
    for item in dispatches:
        counts[item.state] = counts.get(item.state, 0) + 1
    return ", ".join(f"{count} {state.value}" for state, count in sorted(counts.items()))


def conclude(dispatches: Sequence[Dispatch]) -> tuple[Conclusion, str]:
    """The check's conclusion once every dispatch has ended (product.md §4 #19)."""
    if not dispatches:
        return Conclusion.NEUTRAL, "No affected stacks workflow detected"
    bad = sorted(
        (item for item in dispatches if item.state is not State.SUCCEEDED),
        key=lambda item: item.state is not State.FAILED,
    )
    if bad:
        return (
            Conclusion.FAILURE,
            f"{len(bad)} of {len(dispatches)} did not succeed; first {bad[0].instance}: {bad[0].because}",
        )
    return Conclusion.SUCCESS, f"all {len(dispatches)} succeeded"


def cycle(after: Mapping[InstanceName, Sequence[InstanceName]]) -> tuple[InstanceName, ...]:
    """One cycle among the instances, as the chain that closes on its first name; empty where there is none."""
    done: set[InstanceName] = set()
    for start in sorted(after, key=str):
        chain: list[InstanceName] = []
        if found := _walk(start, after, chain, done):
            return found
    return ()


def _walk(
    name: InstanceName,
    after: Mapping[InstanceName, Sequence[InstanceName]],
    chain: list[InstanceName],
    done: set[InstanceName],
) -> tuple[InstanceName, ...]:
    if name in chain:
        return (*chain[chain.index(name) :], name)
    if name in done:
        return ()
    chain.append(name)
    for before in after.get(name, ()):
        if found := _walk(before, after, chain, done):
            return found
    chain.pop()
    done.add(name)
    return ()


OF_BRANCH = frozenset({"push", "schedule", "workflow_dispatch"})  # events whose runs check out the branch of their ref
UNMERGED = "a plan of a change that is not merged tells nothing of what is deployed"


def history_only(origin: Origin) -> str:
    """Why a plan tells nothing of drift, as a sentence; empty where it looked at what is deployed (product.md §4 #16).

    A run that we dispatched is judged by its dispatch. Any other plan counts when its signed claims say that it looked at
    the default branch. A static token says neither event nor ref: its plan counts unless something newer is known, since
    CI outside GitHub has nothing better to tell.
    """
    if origin.proposed is not None:
        return UNMERGED if origin.proposed else ""
    if not origin.event_name:
        return f"a static token does not say which commit it planned, and {origin.newer}" if origin.newer else ""
    return _elsewhere(origin)


def _elsewhere(origin: Origin) -> str:
    if origin.event_name in PROPOSING:
        return UNMERGED
    if origin.event_name not in OF_BRANCH:
        return f"a plan from a {origin.event_name} event may have looked at any commit"
    if not origin.default_branch:
        return f"no webhook has named the default branch yet, so nobody knows whether {origin.ref} is it"
    if origin.ref != f"refs/heads/{origin.default_branch}":
        return f"it looked at {origin.ref}, not at the default branch {origin.default_branch}"
    return ""


def full_component(name: str, own: str | None, known: Sequence[tuple[str, bool]]) -> str:
    """The path of a component that a client may have cut at its last slash (protocol.md §6.3).

    `own` is the component that the run was dispatched for, `known` those of the stack that are `name` or end with `/name`,
    each with whether an upload or an inventory declared it. The run's own comes first; then the exact name, if it is
    declared: one that only reports have named may itself be a cut one. Then the only longer name, the declared before
    others; else the name as it came.
    """
    if own is not None and (own == name or own.endswith(f"/{name}")):
        return own
    if "/" in name or (name, True) in known:
        return name
    longer = [item for item in known if item[0] != name]
    declared = [item for item in longer if item[1]] or longer
    return declared[0][0] if len(declared) == 1 else name
