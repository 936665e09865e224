"""The check run and the comment as text. Everything that people or manifests named is escaped (reliability.md T14)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sonde.server.dispatches.model import ENDED, Conclusion, Dispatch, State, Trigger, TriggerState
from sonde.server.pulls.model import PullRequest

CHECK_NAME = "Atmos Pro"
MARKER = "<!-- sonde:pull-request -->"
MAX_TEXT = 60_000  # GitHub takes 65,535 characters; cut at a row's end below it
ICONS: Mapping[State, str] = {
    State.PLANNED: "⏳ waiting",
    State.BLOCKED: "🔒 locked",
    State.QUEUED: "📨 dispatching",
    State.SENT: "📨 dispatched",
    State.RUNNING: "▶️ running",
    State.SUCCEEDED: "✅ succeeded",
    State.FAILED: "❌ failed",
    State.SKIPPED: "⏭️ skipped",
    State.CANCELLED: "🚫 cancelled",
}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~@-])")
_HIDDEN = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def escaped(text: str) -> str:
    """Text that GitHub shows as it is: no markup, no mention, no table break, nothing invisible."""
    flat = _HIDDEN.sub(" ", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda found: "@\u200b" if found[1] == "@" else f"\\{found[1]}", flat)


def headline(trigger: Trigger, dispatches: Sequence[Dispatch]) -> str:
    """One sentence: how far a trigger is and, if it waits, for what."""
    if trigger.state in (TriggerState.WAITING, TriggerState.HELD, TriggerState.SUPERSEDED, TriggerState.CONCLUDED):
        return trigger.because
    ended = sum(item.state in ENDED for item in dispatches)
    waiting = next((item for item in dispatches if item.state is State.BLOCKED), None)
    tail = f"; {waiting.because}" if waiting else ""
    return f"{ended} of {len(dispatches)} done{tail}"


def check(trigger: Trigger, dispatches: Sequence[Dispatch], external_id: str, page: str) -> dict[str, Any]:
    """The body of the check run at the trigger's SHA (GitHub REST: "Create a check run")."""
    body: dict[str, Any] = {
        "name": CHECK_NAME,
        "head_sha": trigger.sha,
        "external_id": external_id,
        "details_url": page,
        "output": {"title": headline(trigger, dispatches)[:250], "summary": _summary(trigger, dispatches, page)},
    }
    if trigger.state in (TriggerState.CONCLUDED, TriggerState.SUPERSEDED):
        return body | {"status": "completed", "conclusion": (trigger.conclusion or Conclusion.NEUTRAL).value}
    return body | {"status": "queued" if trigger.state is TriggerState.HELD else "in_progress"}


def _summary(trigger: Trigger, dispatches: Sequence[Dispatch], page: str) -> str:
    lines = [escaped(headline(trigger, dispatches)), "", f"[Details in Sonde]({page})"]
    if dispatches:
        lines += ["", *_table(dispatches)]
    lines += _not_dispatched(trigger)
    return _cut(lines)


def comment(pull: PullRequest, triggers: Sequence[tuple[Trigger, Sequence[Dispatch]]], page: str) -> str:
    """The one comment of a pull request: its newest trigger in full, then the merge's, edited in place."""
    shown = [pair for pair in triggers if pair[0].state is not TriggerState.SUPERSEDED] or list(triggers[-1:])
    lines = [MARKER, f"### {CHECK_NAME}"]
    for trigger, dispatches in reversed(shown[-3:]):
        verdict = f" — **{trigger.conclusion.value}**" if trigger.conclusion else ""
        lines += [
            "",
            f"**{escaped(trigger.activity)}** at `{trigger.sha[:12]}`{verdict}: {escaped(headline(trigger, dispatches))}",
        ]
        if dispatches:
            lines += ["", *_table(dispatches)]
        lines += _not_dispatched(trigger)
    lines += ["", f"[#{pull.number} in Sonde]({page})"]
    return _cut(lines)


def _table(dispatches: Sequence[Dispatch]) -> list[str]:
    order = {State.FAILED: 0, State.BLOCKED: 1, State.SKIPPED: 2, State.CANCELLED: 2}
    rows = ["| stack | component | workflow | state | result | why |", "|---|---|---|---|---|---|"]
    for item in sorted(dispatches, key=lambda found: (order.get(found.state, 3), str(found.instance))):
        state = f"[{ICONS[item.state]}]({item.run_url})" if item.run_url.startswith("https://") else ICONS[item.state]
        cells = (item.instance.stack, item.instance.component, item.workflow)
        named = " | ".join(escaped(cell) for cell in cells)
        rows.append(f"| {named} | {state} | {escaped(item.outcome.replace('_', ' '))} | {escaped(item.because)} |")
    return rows


def _not_dispatched(trigger: Trigger) -> list[str]:
    if not trigger.notes:
        return []
    items = [f"- {escaped(instance)}: {escaped(because)}" for instance, because in trigger.notes]
    return ["", f"<details><summary>Not dispatched: {len(items)}</summary>", "", *items, "", "</details>"]


def _cut(lines: Sequence[str]) -> str:
    size = 0
    kept: list[str] = []
    for line in lines:
        size += len(line) + 1
        if size > MAX_TEXT:
            return "\n".join([*kept, "", "… more on the page linked above"])
        kept.append(line)
    return "\n".join(kept)
