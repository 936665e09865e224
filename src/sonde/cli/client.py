"""The calls to the control plane, each with its own rule of success and of retrying (protocol.md §3, §8).

| call               | success                                     | attempts |
| ------------------ | ------------------------------------------- | -------- |
| lock, unlock       | `success` is true in the body               | 1        |
| what stands (GET)  | `success` is true in the body               | 1        |
| upload             | HTTP status 200 to 399, whatever the body   | 4        |
| commit (`commit`)  | HTTP status 200 to 399 and a decodable body | 4        |

A lock is never sent twice: after a lost answer the first may stand.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sonde import __version__
from sonde.cli import answers, redact, transport
from sonde.cli.errors import ApiError, DecodeError, NoAnswerError, RefusedError, SignInError
from sonde.cli.log import Log
from sonde.cli.process import Process
from sonde.cli.settings import DEFAULT_BASE_URL, ProSettings
from sonde.cli.transport import Answer, Request, Transport
from sonde.wire import codec, locks

# Servers read the version out of the part that comes first (protocol.md §2); our own name stands behind it.
USER_AGENT = f"atmos/1.227.0 (linux; amd64) sonde/{__version__}"
RUN_ID_HEADER = "X-Atmos-Pro-Run-Id"  # additive: the Go CLI sends no run id
DELAYS = (1.0, 2.0, 4.0)  # seconds between the attempts
EXCHANGE_HEADER_TIMEOUT = 15.0
NO_ANSWER = "Is {} the control plane, and does it run? `sonde pro config` shows where this address comes from."

T = TypeVar("T")


class Session:
    """Where the control plane is and as whom we speak to it. `refresh` replaces the token; all else is fixed."""

    def __init__(self, settings: ProSettings, process: Process, log: Log, wire: Transport | None = None) -> None:
        self.settings = settings
        self.process = process
        self.log = log
        self.wire = wire or Transport(process.env)
        self.token = settings.token
        self.doubted = False  # whether it was told that the server's answers look like another's

    @property
    def is_static(self) -> bool:
        """Whether a static token speaks: it cannot be renewed, and many jobs may share it."""
        return bool(self.settings.token)

    def refresh(self) -> None:
        """Exchange a freshly minted OIDC token for a session. A static token cannot be renewed and is kept."""
        if self.is_static:
            return
        from sonde.cli import oidc  # what a static token never needs

        # The Go client asks both of these without the proxy and waits 15 s for the headers (protocol.md §2).
        direct = self.wire._replace(proxies=False, header_timeout=EXCHANGE_HEADER_TIMEOUT)
        self.token = oidc.sign_in(self.settings, direct, USER_AGENT)

    def send(self, method: str, path: str, body: bytes | None) -> Answer:
        """One attempt at an endpoint. Raises NoAnswerError."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
        }
        if self.settings.run_id:
            headers[RUN_ID_HEADER] = self.settings.run_id
        try:
            return transport.send(Request(method, self.settings.url(path), headers, body), self.wire)
        except NoAnswerError as error:
            error.hints = (*error.hints, NO_ANSWER.format(redact.address(self.settings.url("").rstrip("/"))))
            raise


def open_session(settings: ProSettings, process: Process, log: Log) -> Session:
    """Sign in: a static token as it is, else GitHub OIDC. Raises SignInError, NoAnswerError or RefusedError."""
    if not settings.base_url:
        if settings.token:
            raise SignInError(
                f"ATMOS_PRO_TOKEN is set but no server is: the token would go to {DEFAULT_BASE_URL}",
                hints=["Set ATMOS_PRO_BASE_URL, or settings.pro.base_url in atmos.yaml, to your own control plane."],
            )
        process.stderr.write(f"Using {DEFAULT_BASE_URL}; set ATMOS_PRO_BASE_URL for a control plane of your own.\n")
    session = Session(settings, process, log)
    try:
        session.refresh()
    except RefusedError as error:
        raise error.prefixed("failed to exchange OIDC token for Atmos token: ") from error
    if not settings.token and not session.token:
        log.warning("The control plane signed us in with an empty token.", server=redact.address(settings.base_url))
    return session


def lock(session: Session, request: locks.LockRequest) -> Mapping[str, Any]:
    """Take a lock; the answer's `data`, of which any field may be missing. Raises RefusedError if another holds it."""
    return _confirmed(session, "POST", locks.PATH, request, answers.LOCK, "failed to lock stack: ")


def lock_all(session: Session, request: locks.LockAllRequest) -> Sequence[Mapping[str, Any]]:
    """Take several locks or none; the fields of each that was granted. Raises RefusedError if another holds one."""
    data = _confirmed(session, "POST", locks.ALL_PATH, request, answers.LOCKS, "failed to lock stacks: ")
    return [one for one in data.get("locks", []) if isinstance(one, Mapping)]


def wait(session: Session, request: locks.WaitRequest) -> Mapping[str, Any]:
    """Take a lock or a place in its queue. Raises RefusedError 409 with the place as its context, 404 where there is no queue."""
    return _confirmed(session, "POST", locks.WAIT_PATH, request, answers.LOCK, "failed to lock stack: ")


def leave(session: Session, request: locks.LeaveRequest) -> None:
    """Give a place in a queue up. Raises RefusedError 404 or 405 where the server cannot be told."""
    _confirmed(session, "DELETE", locks.WAIT_PATH, request, answers.NOTHING, "failed to leave the queue: ")


def unlock(session: Session, request: locks.UnlockRequest) -> None:
    """Release a lock. Raises RefusedError if the server does not."""
    _confirmed(session, "DELETE", locks.PATH, request, answers.NOTHING, "failed to unlock stack: ")


def ask(session: Session, path: str, shape: answers.Shape) -> Mapping[str, Any]:
    """What stands, from one of the additive reads (`wire.reads`); the answer's `data`. Raises ApiError."""
    try:
        return _accepted(session, session.send("GET", path, None), shape, "")
    except RefusedError as error:
        if error.tag == "NotFound":
            error.hints = ()
        elif error.status in (404, 405) and not error.tag:
            error.hints = (*error.hints, "Only a Sonde server answers this; Atmos Pro's protocol has no such question.")
        raise


def _confirmed(
    session: Session, method: str, path: str, request: Any, shape: answers.Shape, what: str
) -> Mapping[str, Any]:
    answer = session.send(method, path, transport.encode(codec.to_json(request)))
    return _accepted(session, answer, shape, what)


def _accepted(session: Session, answer: Answer, shape: answers.Shape, what: str) -> Mapping[str, Any]:
    try:
        said = answers.read(answer.body, shape)
    except DecodeError as error:
        if answer.status >= 400:
            raise answers.refusal(answer, operation=what, static=session.is_static) from error
        error.hints = answers.not_ours(answer)
        raise error.prefixed("failed to unmarshal API response: ") from error
    if not said.success:
        raise answers.refusal(answer, operation=what, static=session.is_static)
    return said.data


def upload(session: Session, operation: str, method: str, path: str, payload: Any) -> None:
    """Send an upload (affected stacks, instances, a status) until it is accepted. Raises ApiError.

    `payload` is a wire object, or the bytes of one. Every attempt sends the same bytes, so that a server that already
    acted can tell.
    """
    body = payload if isinstance(payload, bytes) else transport.encode(codec.to_json(payload))
    retried(session, operation, lambda: accepted(session, operation, method, path, body))


def accepted(session: Session, operation: str, method: str, path: str, body: bytes) -> Answer:
    """One attempt whose HTTP status decides. Raises RefusedError or NoAnswerError."""
    answer = session.send(method, path, body)
    if 200 <= answer.status < 400:
        doubt = "" if session.doubted else answers.doubt(answer)
        if doubt:
            session.doubted = True
            session.log.warning(doubt, url=redact.address(answer.url), status=answer.status)
        return answer
    server_failed = f"HTTP {answer.status}: " if answer.status >= 500 else ""
    raise answers.refusal(answer, operation=f"{operation}: {server_failed}", static=session.is_static)


def retried(session: Session, operation: str, attempt: Callable[[], T]) -> T:
    """Four attempts after no answer, 5xx and 401, 1, 2 and 4 s apart; any other refusal is final (protocol.md §8)."""
    attempts, doubtful = len(DELAYS) + 1, False
    for number in range(1, attempts + 1):
        try:
            return attempt()
        except (NoAnswerError, DecodeError, RefusedError) as error:
            doubtful = error.doubtful = doubtful or _may_have_acted(error)
            if isinstance(error, RefusedError) and not (error.status == 401 or error.status >= 500):
                raise
            session.log.warning(
                "Upload failed, retrying." if number < attempts else "Upload failed.",
                operation=operation,
                attempt=f"{number}/{attempts}",
                error=error.message,
            )
            if error.status == 401:
                _renew(session, error)
            if number == attempts:
                raise error.prefixed(
                    f"upload failed after all retries: max attempts ({attempts}) exceeded, last error: "
                ) from error
            session.process.sleep(DELAYS[number - 1])
    raise AssertionError("the last attempt returns or raises")


def _may_have_acted(error: ApiError) -> bool:
    """Whether the control plane may have acted on an attempt, although we got no yes: a gateway may have lost it."""
    return (isinstance(error, NoAnswerError) and error.sent) or error.status in (502, 504)


def _renew(session: Session, refused: ApiError) -> None:
    """A new session after a 401. If that is refused too there is nothing to retry with: both reasons are told."""
    try:
        session.refresh()
    except ApiError as error:
        error.doubtful = refused.doubtful
        raise error.prefixed(f"{refused.message}\nfailed to refresh API token: ") from error
