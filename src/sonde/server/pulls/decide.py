"""What a pull request event means. Pure and total: every branch says why."""

from collections.abc import Sequence

from sonde.server.dispatches.model import Trigger, TriggerState
from sonde.server.github.events import PullRequestEvent, millis
from sonde.server.pulls.model import WRITERS, Decision, PullRequest

LIVE = (TriggerState.WAITING, TriggerState.HELD, TriggerState.RUNNING)


def seen(repository_id: str, event: PullRequestEvent) -> PullRequest:
    """The pull request as this event shows it."""
    pull = event.pull
    return PullRequest(
        repository_id=repository_id,
        number=pull.number,
        title=pull.title,
        author=pull.user.login if pull.user else "",
        association=pull.author_association,
        url=pull.html_url,
        head_sha=pull.head.sha,
        head_ref=pull.head.ref,
        base_ref=pull.base.ref,
        fork=event.from_fork,
        draft=pull.draft,
        open=pull.state == "open",
        merged=pull.merged,
        merge_sha=pull.merge_commit_sha or "" if pull.merged else "",
        updated_at=millis(pull.updated_at),
    )


def on_event(
    action: str, pull: PullRequest, known: PullRequest | None, triggers: Sequence[Trigger], trigger_id: str, now: int
) -> Decision:
    """Decide one event. `known` and `triggers` are what our rows say; `trigger_id` is the id a new trigger would get."""
    late = known is not None and (known.updated_at > pull.updated_at or _first_of_a_second(action, pull, known))
    if action == "closed":
        return _closed(pull, known if late else None, triggers, trigger_id, now)
    if late and known is not None and known.head_sha != pull.head_sha:
        return Decision(
            None, f"it speaks of {pull.head_sha[:12]}, but the pull request is already at {known.head_sha[:12]}"
        )
    if late and known is not None and not known.open:
        return Decision(None, "the pull request was closed after this event")
    live = tuple(item for item in triggers if item.state in LIVE and item.proposed)
    older = tuple(item for item in live if item.head_sha != pull.head_sha)
    if action == "converted_to_draft":
        return Decision(pull, "it is a draft now: nothing new is dispatched until it is ready for review")
    if action == "ready_for_review":
        held = tuple(item for item in live if item.state is TriggerState.HELD and item.head_sha == pull.head_sha)
        reason = held_because(pull)
        return Decision(pull, reason or "it is ready for review: what was held goes on", frees=() if reason else held)
    because = held_because(pull)
    state = TriggerState.HELD if because else TriggerState.WAITING
    waits = awaited(pull.head_sha)
    trigger = _trigger(trigger_id, pull, action, state=state, because=because or waits, now=now)
    return Decision(pull, f"{action} at {pull.head_sha[:12]}: {because or waits}", opens=trigger, replaces=older)


def _first_of_a_second(action: str, pull: PullRequest, known: PullRequest) -> bool:
    """GitHub's times are whole seconds: of two events in one second, `opened` came before whatever we know already."""
    return action == "opened" and known.updated_at == pull.updated_at and known.head_sha != pull.head_sha


def _closed(
    pull: PullRequest, newer: PullRequest | None, triggers: Sequence[Trigger], trigger_id: str, now: int
) -> Decision:
    live = tuple(item for item in triggers if item.state in LIVE and item.proposed)
    if newer is not None and newer.open:
        return Decision(None, "the pull request was reopened after this event")
    if not pull.merged:
        return Decision(
            pull, "closed without merging: what was not sent is cancelled, automatic locks are released", ends=live
        )
    because = awaited(pull.merge_sha)
    trigger = _trigger(trigger_id, pull, "merged", state=TriggerState.WAITING, because=because, now=now)
    return Decision(pull, f"merged as {pull.merge_sha[:12]}: {because}", opens=trigger, replaces=live)


def awaited(sha: str) -> str:
    """What a trigger waits for first, and how it comes; how long is `dispatches.service.UPLOAD_LIMIT`."""
    return f"waits for the upload of {sha[:12]}: a job must run describe affected --upload there within 60 minutes"


def held_because(pull: PullRequest) -> str:
    """Why nothing is dispatched for a pull request by itself (ruling 14); empty where nothing stands against it."""
    if pull.fork:
        return "it comes from a fork: a member must look at it and press Run for this SHA"
    if pull.association not in WRITERS:
        return f"its author {pull.author} has no write access: a member must look at it and press Run for this SHA"
    if pull.draft:
        return "it is a draft: nothing is dispatched until it is ready for review"
    return ""


def _trigger(
    trigger_id: str, pull: PullRequest, activity: str, *, state: TriggerState, because: str, now: int
) -> Trigger:
    return Trigger(
        id=trigger_id,
        repository_id=pull.repository_id,
        event="pull_request",
        activity=activity,
        number=pull.number,
        head_sha=pull.head_sha,
        sha=pull.merge_sha if activity == "merged" else pull.head_sha,
        ref=pull.base_ref,
        state=state,
        because=because,
        conclusion=None,
        created_at=now,
        version=1,
    )
