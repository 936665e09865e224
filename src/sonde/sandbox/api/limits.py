"""GitHub's secondary rate limits, which a client cannot read and must not run into (reliability.md §6).

Always counted, refused only with `enforce`: then 403 with Retry-After. A request made before the time that a
refusal named is a violation; GitHub bans integrations for those.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from sonde.sandbox.api.call import Request

CONTENT = ("/comments", "/reviews", "/pulls", "/issues", "/releases", "/check-runs")


def points(request: Request) -> int:
    """GitHub docs, "Calculating points for the secondary rate limit"."""
    return 1 if request.method in ("GET", "HEAD", "OPTIONS") else 5


def content(request: Request) -> int:
    """Whether it counts as creating content. GitHub lists no endpoints: these make something that people see."""
    return int(request.method == "POST" and request.path.endswith(CONTENT))


def dispatches(request: Request) -> int:
    return int(request.method == "POST" and request.path.endswith("/dispatches"))


@dataclass(frozen=True)
class Limit:
    name: str
    seconds: int
    most: int
    cost: Callable[[Request], int]


LIMITS = (
    Limit("points per minute", 60, 900, points),
    Limit("content per minute", 60, 80, content),
    Limit("content per hour", 3600, 500, content),
    Limit("runs per 10 seconds", 10, 500, dispatches),
)


class Limits:
    """Of each client: what it spent in each window, and until when it was told to wait. Used under the world's lock."""

    def __init__(self, limits: tuple[Limit, ...] = LIMITS) -> None:
        self.enforce = False
        self.violations: list[str] = []  # `CLIENT METHOD path: what`
        self.exceeded: list[str] = []  # `CLIENT METHOD path: limit`, refused or not
        self._limits = limits
        self._spent: dict[tuple[str, str], deque[tuple[float, int]]] = defaultdict(deque)
        self._until: dict[str, float] = {}

    def wait(self, client: str, request: Request, now: float) -> int | None:
        """Spend the request's cost; seconds to wait if a limit refuses it, else None."""
        where = f"{client} {request.method} {request.path}"
        if now < self._until.get(client, 0):
            self.violations.append(f"{where}: asked to wait {self._until[client] - now:.0f} s more")
        longest = 0.0
        for limit in self._limits:
            over = self._spend(limit, client, limit.cost(request), now)
            if over is not None:
                self.exceeded.append(f"{where}: {limit.name}")
                longest = max(longest, over)
        if not longest or not self.enforce:
            return None
        seconds = max(1, int(longest + 0.999))
        self.told_to_wait(client, seconds, now)
        return seconds

    def told_to_wait(self, client: str, seconds: int, now: float) -> None:
        """The client has a Retry-After, from here or from a fault button."""
        self._until[client] = max(self._until.get(client, 0), now + seconds)

    def _spend(self, limit: Limit, client: str, cost: int, now: float) -> float | None:
        """Seconds until the oldest spending leaves the window, if this one does not fit; else None."""
        spent = self._spent[client, limit.name]
        while spent and spent[0][0] <= now - limit.seconds:
            spent.popleft()
        if not cost:
            return None
        if sum(one for _, one in spent) + cost > limit.most:
            return spent[0][0] + limit.seconds - now if spent else float(limit.seconds)
        spent.append((now, cost))
        return None
