"""The world's memory: records, one lock, one file; every change goes through `State.change()`.

    with self.change():          # takes the lock, may be nested
        ...mutate records...
        self.after(action)       # runs once the outermost change is on disk: hand over a delivery, start a run

`state.json` is replaced atomically at the end of the outermost change, so that another process that loads the folder
sees the world before or after a change and never between. `changed` is notified each time, which is how tests wait.
"""

import json
import os
import secrets
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sonde.sandbox.model import (
    Account,
    App,
    CheckRun,
    Comment,
    Delivery,
    Installation,
    Job,
    PullRequest,
    Release,
    Repository,
    Review,
    Run,
    Token,
)
from sonde.sandbox.runner.model import RunRequest

# Where each kind of id begins: the sizes that GitHub's ids have today, so that nobody keeps one in 32 bits.
FIRST_ID = {
    "account": 9_919_000,
    "repository": 700_100_200,
    "pull": 2_200_000_000,
    "run": 17_700_000_000,
    "check": 50_500_000_000,  # jobs and check runs share their numbers
    "suite": 48_000_000_000,
    "comment": 3_300_000_000,
    "release": 230_000_000,
    "review": 3_400_000_000,
    "delivery": 1_900_000_000_000,
    "workflow": 160_000_000,
    "installation": 60_000_000,
}


def utc_now() -> datetime:
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """GitHub's time text: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Ids:
    """Where ids come from. Numbers count up from the world's own state; GUIDs and tokens are random."""

    def guid(self) -> str:
        return str(uuid.uuid4())

    def token(self, prefix: str) -> str:
        return prefix + secrets.token_hex(18)


@dataclass
class Records:
    """All of the state, as it stands in `state.json`."""

    app: App
    sequence: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)  # login ->
    installations: dict[int, Installation] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    repositories: dict[int, Repository] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    check_runs: dict[int, CheckRun] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    reviews: dict[int, Review] = field(default_factory=dict)
    releases: dict[int, Release] = field(default_factory=dict)
    deliveries: dict[int, Delivery] = field(default_factory=dict)


TABLES: dict[str, tuple[Callable[[str], Any], type[Any]]] = {
    "accounts": (str, Account),
    "installations": (int, Installation),
    "tokens": (str, Token),
    "repositories": (int, Repository),
    "pulls": (int, PullRequest),
    "runs": (int, Run),
    "jobs": (int, Job),
    "check_runs": (int, CheckRun),
    "comments": (int, Comment),
    "reviews": (int, Review),
    "releases": (int, Release),
    "deliveries": (int, Delivery),
}


def _build(kind: type[Any], row: dict[str, Any]) -> Any:
    known = {entry.name for entry in fields(kind)}
    return kind(**{name: value for name, value in row.items() if name in known})


def read_records(text: str) -> Records:
    """The records of a `state.json`; fields that this version does not know are dropped."""
    document = json.loads(text)
    tables = {
        name: {key(index): _build(kind, row) for index, row in document.get(name, {}).items()}
        for name, (key, kind) in TABLES.items()
    }
    return Records(app=_build(App, document["app"]), sequence=document["sequence"], **tables)


class State:
    """Base of `World`: the records and how they change. Not used alone."""

    def __init__(
        self,
        folder: Path,
        records: Records,
        *,
        now: Callable[[], datetime] = utc_now,
        ids: Ids | None = None,
        persist: bool = True,
    ) -> None:
        self.folder = folder
        self.records = records
        self.now = now
        self.ids = ids or Ids()
        self.persist = persist
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.api_url = "https://api.github.com"
        self.html_url = "https://github.com"
        self.unknown_requests: list[str] = []  # `METHOD path` of what GitHub, as far as we know it, does not answer
        self.refused_workflows: list[str] = []  # `file:line: what` of workflow files that no event can start here
        self.waiting: dict[int, RunRequest] = {}  # by run: for their concurrency group; not kept over a restart
        self.counters: Counter[tuple[str, ...]] = Counter()
        self._depth = 0
        self._after: list[Callable[[], None]] = []

    @contextmanager
    def change(self) -> Iterator[None]:
        """All or, if the block raises before it touched anything, nothing; there is no rollback of records."""
        with self.lock:
            self._depth += 1
            try:
                yield
            except BaseException:
                if self._depth == 1:
                    self._after = []
                raise
            finally:
                self._depth -= 1
            if self._depth == 0:
                self._commit()

    def _commit(self) -> None:
        actions, self._after = self._after, []
        if self.persist:
            self.save()
        for action in actions:
            action()
        self.changed.notify_all()

    def after(self, action: Callable[[], None]) -> None:
        self._after.append(action)

    def save(self) -> None:
        target = self.folder / "state.json"
        scratch = target.with_suffix(".new")
        scratch.write_text(json.dumps(self.records, default=vars, separators=(",", ":")))
        os.replace(scratch, target)  # noqa: PTH105 - the atomic one, said by name

    def wait_until(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """Return as soon as `condition` holds; it is asked after each change. TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"the offline GitHub did not come to that within {timeout:g} s")
                self.changed.wait(left)

    def next_id(self, kind: str) -> int:
        with self.lock:
            number = self.records.sequence.get(kind, FIRST_ID[kind]) + 1
            self.records.sequence[kind] = number
            return number

    def time(self) -> str:
        return stamp(self.now())

    def time_in(self, **delta: float) -> str:
        return stamp(self.now() + timedelta(**delta))

    def account(self, login: str) -> Account:
        """The user, organisation or bot of that name; KeyError names it. Logins match without regard to case."""
        found = self.records.accounts.get(login)
        if found:
            return found
        for account in self.records.accounts.values():
            if account.login.lower() == login.lower():
                return account
        raise KeyError(f"no account {login}")

    def repository(self, reference: str | int | Repository) -> Repository:
        """By `owner/name` (without regard to case) or id; KeyError names it."""
        if isinstance(reference, Repository):
            return reference
        if isinstance(reference, int):
            return self.records.repositories[reference]
        for repository in self.records.repositories.values():
            if repository.full_name.lower() == reference.lower():
                return repository
        raise KeyError(f"no repository {reference}")

    def bare(self, repository: Repository) -> Path:
        """The git folder. It goes by id, so that a rename or a transfer moves nothing."""
        return self.folder / "git" / f"{repository.id}.git"

    def installation_of(self, repository: Repository) -> Installation | None:
        """The App's installation that covers the repository, suspended or not."""
        for installation in self.records.installations.values():
            chosen = installation.repository_ids
            if installation.account == repository.owner and (chosen is None or repository.id in chosen):
                return installation
        return None

    @property
    def bot(self) -> str:
        return f"{self.records.app.slug}[bot]"
