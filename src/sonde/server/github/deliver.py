"""Deliver effects: `planned → sending` is committed before GitHub is called, and what nobody knows is looked for.

A kind of effect says how to send it and how to find it again (`Sender`). The rules that hold for all of them are here:

* a claim whose process died, and an answer that was lost, are never sent again before GitHub was asked whether it is there;
* a dispatch whose *answer* was lost is never sent again at all (decisions.md, ruling 7): after 15 minutes without a run it
  fails, and says so;
* a dispatch whose *process* died is sent again only after GitHub showed no such run for the settling time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sonde.server.github import store
from sonde.server.github.client import GitHub, NotSentError, RejectedError, UnansweredError
from sonde.server.github.model import Ambiguous, Effect, EffectState, Kind, Later, Outcome, Refused, Sent
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.log import log
from sonde.server.workspaces.model import Repository
from sonde.server.workspaces.store import repository as repository_of

GIVE_UP = 15 * 60_000  # milliseconds without a trace of a lost dispatch


@dataclass(frozen=True)
class Nowhere:
    """GitHub certainly does not show it."""


@dataclass(frozen=True)
class Unsure:
    """Something is there that may be it."""

    because: str


class Sender(Protocol):
    """One kind of effect."""

    def send(self, github: GitHub, repository: Repository, effect: Effect) -> Sent:
        """Make GitHub look as `effect.desired` says. Raises GitHubError."""

    def find(self, github: GitHub, repository: Repository, effect: Effect) -> Sent | Nowhere | Unsure:
        """Look for what an earlier call may have made. Raises GitHubError."""


OnOutcome = Callable[[Tx, Effect, Sent | Refused], None]


@dataclass(frozen=True)
class Delivery:
    """What delivering needs. Milliseconds: `settle`, how long GitHub may take to show what it accepted; `lease`, how long a
    claim is believed to be of a living process (longer than a call may take).
    """

    db: Database
    github: GitHub
    senders: Mapping[str, Sender]
    outcomes: Mapping[str, OnOutcome]
    settle: int
    lease: int


def deliver(delivery: Delivery, effect: Effect) -> bool:
    """Take one due effect a step further; False where another replica has it."""
    with delivery.db.read() as tx:
        repository = repository_of(tx, effect.repository_id)
        now = tx.now
    if repository is None:
        return False
    if effect.state is EffectState.PLANNED:
        with delivery.db.write("effect.sending") as tx:
            claimed = store.claim(tx, effect, tx.now + delivery.lease)
        if claimed is None:
            return False
        _record(delivery, claimed, _send(delivery, repository, claimed))
        return True
    return _look(delivery, repository, effect, now)


def _send(delivery: Delivery, repository: Repository, effect: Effect) -> Outcome:
    try:
        return delivery.senders[effect.kind].send(delivery.github, repository, effect)
    except NotSentError as error:
        return Later(str(error), error.wait)
    except RejectedError as error:
        return Refused(str(error))
    except UnansweredError as error:
        if effect.remote_id is not None:  # an edit in place: the same edit again changes nothing
            return Later(str(error), 5_000)
        return Ambiguous(str(error))


def _record(delivery: Delivery, effect: Effect, outcome: Outcome) -> None:
    with delivery.db.write("effect.result") as tx:
        standing = store.get(tx, effect.slot, lock=True)
        if standing is None or not (_same_claim(standing, effect) or _news(standing, outcome)):
            log.warning("effect.claim_lost", slot=effect.slot, outcome=type(outcome).__name__)
            return
        match outcome:
            case Sent():
                store.set_sent(tx, effect, effect.version, outcome.remote_id, outcome.remote_url)
                delivery.outcomes[effect.kind](tx, effect, outcome)
            case Refused():
                store.set_failed(tx, effect, outcome.because)
                delivery.outcomes[effect.kind](tx, effect, outcome)
            case Later():
                store.set_planned(tx, effect, outcome.because, tx.now + outcome.wait * min(effect.attempts, 10))
            case Ambiguous():
                store.set_lost(tx, effect, outcome.because, tx.now + _pause(delivery))
    log.info(
        "effect.outcome", slot=effect.slot, outcome=type(outcome).__name__, because=getattr(outcome, "because", "")
    )


def _news(standing: Effect, outcome: Outcome) -> bool:
    """Our lease ran out and another replica took over. That GitHub took it is still news, unless it is known already."""
    return isinstance(outcome, Sent) and standing.state is not EffectState.SENT


def _pause(delivery: Delivery) -> int:
    return max(50, min(5_000, delivery.settle // 4))


def _look(delivery: Delivery, repository: Repository, effect: Effect, now: int) -> bool:
    """An abandoned claim or a lost answer: ask GitHub, then decide. The process that asks first renews the lease."""
    try:
        found = delivery.senders[effect.kind].find(delivery.github, repository, effect)
    except (NotSentError, UnansweredError, RejectedError) as error:
        found = Unsure(str(error))
    waited = now - (effect.sending_since or now)
    with delivery.db.write("effect.found") as tx:
        standing = store.get(tx, effect.slot, lock=True)
        if standing is None or not _same_claim(standing, effect) or standing.version != effect.version:
            return False
        settled = _settle(delivery, tx, standing, found, waited)
    log.info("effect.looked", slot=effect.slot, found=type(found).__name__, waited_ms=waited, settled=settled)
    return settled


def give_up(delivery: Delivery, tx: Tx, slot: str, because: str) -> None:
    """Fail an effect that Sonde itself cannot bring to an end, and tell its domain why."""
    effect = store.get(tx, slot, lock=True)
    if effect is not None:
        refused = Refused(because)
        store.set_failed(tx, effect, refused.because)
        delivery.outcomes[effect.kind](tx, effect, refused)


def _same_claim(standing: Effect, known: Effect) -> bool:
    """Whether nobody has claimed or settled an effect since `known` was read: each claim sets time and count anew.

    Without this a replica whose look took long would give up the claim of one that has sent the effect again meanwhile.
    """
    before = (known.state, known.sending_since, known.attempts)
    return (standing.state, standing.sending_since, standing.attempts) == before


def _settle(delivery: Delivery, tx: Tx, effect: Effect, found: Sent | Nowhere | Unsure, waited: int) -> bool:
    """Record what was found; False where it must be looked for again."""
    answer_lost = effect.state is EffectState.LOST
    if isinstance(found, Sent):
        edited = effect.kind != Kind.DISPATCH  # what is there may be an older version: edit it once more
        store.set_sent(tx, effect, effect.sent_version if edited else effect.version, found.remote_id, found.remote_url)
        delivery.outcomes[effect.kind](tx, effect, found)
        return True
    never_again = effect.kind == Kind.DISPATCH and answer_lost
    if isinstance(found, Nowhere) and waited >= delivery.settle and not never_again:
        store.set_planned(tx, effect, "GitHub shows no trace of an earlier try", tx.now)
        return True
    if waited >= GIVE_UP and effect.kind == Kind.DISPATCH:
        refused = Refused(
            "GitHub's answer was lost and no run appeared in 15 minutes; push again or re-run to dispatch it"
        )
        store.set_failed(tx, effect, refused.because)
        delivery.outcomes[effect.kind](tx, effect, refused)
        return True
    because = found.because if isinstance(found, Unsure) else "looking for what an earlier try may have made"
    store.look_again(tx, effect, because, tx.now + _pause(delivery))
    return False
