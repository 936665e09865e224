"""One HTTP request and its answer, on the standard library: TLS, proxies, redirects, gzip, one deadline.

The behaviour on the wire is that of protocol.md §2. A request is sent at most once to each address: retrying is the
caller's decision, because after `NoAnswerError` the server may have acted.
"""

import functools
import http.client
import json
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from sonde.cli import redact
from sonde.cli.errors import ApiError, NoAnswerError

TIMEOUT = 30.0  # seconds for a whole attempt: connect, send, and the answer to its last byte
MAX_REDIRECTS = 10
HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
URL_SAFE = "/%?&=:;,+$!*'()@~[]"  # what a request target may hold as it is
BAD_HEADER = "A token or a run id with a line break in it cannot be sent: look for a trailing newline in the secret."
USE_HTTPS = "Set the address that it shall lead to, with https://, or mend the redirect of the proxy."
BUNDLES = (  # where distributions keep their roots, for a Python that was built elsewhere
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Request(NamedTuple):
    """`body` is sent as JSON bytes with their length; None sends none."""

    method: str
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | None = None


class Answer(NamedTuple):
    """`body` is decoded; `url` is the address that answered, after redirects."""

    status: int
    reason: str
    body: bytes
    url: str


class Transport(NamedTuple):
    """How requests travel. `env` gives SSL_CERT_FILE, SSL_CERT_DIR and the proxies; `monotonic` is in seconds."""

    env: Mapping[str, str]
    timeout: float = TIMEOUT
    header_timeout: float | None = None
    proxies: bool = True
    monotonic: Callable[[], float] = time.monotonic


ESCAPED = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}  # such characters stand in texts only


def encode(value: Any) -> bytes:
    """JSON as it goes out: compact, UTF-8, with `<`, `>` and `&` escaped, so that it is as long as the Go client's."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.translate(ESCAPED).encode("utf-8", "surrogatepass")


def send(request: Request, transport: Transport) -> Answer:
    """Send a request and follow redirects as the Go client does (protocol.md §2).

    Raises NoAnswerError where no complete answer came, ApiError for an address that cannot be asked, or that leads out of TLS.
    """
    deadline = transport.monotonic() + transport.timeout
    first = _address(request)
    for _ in range(MAX_REDIRECTS):
        status, reason, headers, body = _once(request, transport, deadline)
        location = headers.get("Location")
        if status not in (301, 302, 303, 307, 308) or not location:
            return Answer(status, reason, body, request.url)
        url = urljoin(request.url, location)
        if request.url.startswith("https:") and url.startswith("http:"):
            where, there = redact.address(request.url), redact.address(url)
            raise ApiError(f"{where} redirects to {there}, where tokens could be read on the way", hints=[USE_HTTPS])
        request = redirected(request, status, url, first)
    raise _failed(request, f"stopped after {MAX_REDIRECTS} redirects")


def redirected(request: Request, status: int, url: str, first: SplitResult) -> Request:
    """The request that follows a redirect: 307 and 308 repeat it, the others ask for the new address with a GET.

    The token goes only to the host that was asked first and to hosts below it.
    """
    headers = dict(request.headers)
    host, origin = urlsplit(url).hostname or "", first.hostname or ""
    if host != origin and not host.endswith("." + origin):
        headers.pop("Authorization", None)
    headers["Referer"] = request.url
    if status in (307, 308):
        return request._replace(url=url, headers=headers)
    headers.pop("Content-Type", None)
    return Request("GET" if request.method != "HEAD" else "HEAD", url, headers)


def _once(request: Request, transport: Transport, deadline: float) -> tuple[int, str, http.client.HTTPMessage, bytes]:
    where = _address(request)
    connection, sent = None, False
    try:
        connection = _connected(where, transport, deadline)
        target = (where.path or "/") + (f"?{where.query}" if where.query else "")
        if _proxy(where, transport) and where.scheme == "http":
            target = request.url
        named = {"Accept-Encoding": "gzip", **request.headers}
        headers = {name: text.strip(" \t").encode() for name, text in named.items()}
        sent = True
        connection.request(request.method, quote(target, safe=URL_SAFE), request.body, headers)
        sock = connection.sock  # kept, because getresponse lets go of it when the server will close
        for_headers = transport.header_timeout or transport.timeout
        _limit(sock, transport, min(deadline, transport.monotonic() + for_headers))
        answer = connection.getresponse()
        return answer.status, answer.reason, answer.headers, _body(answer, sock, transport, deadline)
    except (OSError, http.client.HTTPException) as error:
        failed = _failed(request, _cause(error, where))
        failed.sent = sent
        raise failed from error
    except ValueError as error:
        raise ApiError(f"failed to create request: {error}", hints=[BAD_HEADER]) from error
    finally:
        if connection is not None:
            connection.close()


def _address(request: Request) -> SplitResult:
    try:
        where = urlsplit(request.url)
        _ = where.port
    except ValueError as error:
        raise ApiError(f'failed to create request: parse "{redact.address(request.url)}": {error}') from error
    if not where.scheme:
        raise ApiError(f'failed to create request: parse "{redact.address(request.url)}": missing protocol scheme')
    if where.scheme not in ("http", "https"):
        raise _failed(request, f'unsupported protocol scheme "{where.scheme}"')
    if not where.hostname:
        raise _failed(request, "http: no Host in request URL")
    return where


def _connected(where: SplitResult, transport: Transport, deadline: float) -> http.client.HTTPConnection:
    """Connect. A certificate that the quick roots do not know is tried once more with all of them."""
    try:
        return _connect(where, transport, deadline, full_roots=False)
    except ssl.SSLCertVerificationError:
        return _connect(where, transport, deadline, full_roots=True)


def _connect(
    where: SplitResult, transport: Transport, deadline: float, *, full_roots: bool
) -> http.client.HTTPConnection:
    left = max(deadline - transport.monotonic(), 0.001)
    proxy = _proxy(where, transport)
    host, port = (proxy.hostname, proxy.port) if proxy else (where.hostname, where.port)
    connection: http.client.HTTPConnection
    if where.scheme == "https":
        connection = http.client.HTTPSConnection(
            str(host), port, timeout=left, context=roots(transport.env, full=full_roots)
        )
        if proxy:
            connection.set_tunnel(str(where.hostname), where.port or 443, _proxy_login(proxy))
    else:
        connection = http.client.HTTPConnection(str(host), port, timeout=left)
    connection.connect()
    return connection


def _proxy(where: SplitResult, transport: Transport) -> SplitResult | None:
    """The proxy for an address, by the rules of Go's `ProxyFromEnvironment`: never for this machine or NO_PROXY."""
    if not transport.proxies:
        return None
    env, host = transport.env, where.hostname or ""
    name = f"{where.scheme}_proxy"
    proxy = env.get(name.upper()) or env.get(name)
    if not proxy or host == "localhost" or re.fullmatch(r"127\..*|::1", host):
        return None
    for rule in (env.get("NO_PROXY") or env.get("no_proxy") or "").split(","):
        bare = rule.strip().partition(":")[0].removeprefix("*").removeprefix(".")
        if rule.strip() == "*" or (bare and (host == bare or host.endswith("." + bare))):
            return None
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _proxy_login(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    from base64 import b64encode
    from urllib.parse import unquote

    login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(login.encode()).decode()}"}


def roots(env: Mapping[str, str], *, full: bool) -> ssl.SSLContext:
    """Which certificates are trusted: SSL_CERT_FILE and SSL_CERT_DIR if set, else the system's. Read once per process."""
    return _roots(env.get("SSL_CERT_FILE", ""), env.get("SSL_CERT_DIR", ""), full)


@functools.cache
def _roots(file: str, listed: str, full: bool) -> ssl.SSLContext:  # noqa: FBT001 - the cache counts by position
    """The context for a file and a list of folders with colons between them, of which either may be empty.

    A bundle of all public roots takes 25 ms to read and a folder of them 100, as long as all the rest of
    `sonde pro lock`. So a folder that OpenSSL can look into by hash is asked instead of read, and the system's own
    bundle is left to the folder beside it. `full` reads everything, for roots that stand in one place alone.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    system = ssl.get_default_verify_paths()
    folders = [name for name in listed.split(":") if name]
    if not (file or folders):
        found = filter(lambda name: Path(name).is_file(), (system.openssl_cafile, *BUNDLES))
        file, folders = next(found, ""), [system.openssl_capath]
    if not full and file in (system.openssl_cafile, *BUNDLES) and _is_hashed(system.openssl_capath):
        file, folders = "", [system.openssl_capath, *(name for name in folders if not _is_hashed(name))]
    if file and Path(file).is_file():
        context.load_verify_locations(cafile=file)
    for folder in folders:
        if _is_hashed(folder) and not full:
            context.load_verify_locations(capath=folder)
            continue
        for path in sorted(Path(folder).glob("*")):
            _load_if_certificate(context, path)
    return context


def _is_hashed(folder: str) -> bool:
    """Whether certificates lie under the names by which OpenSSL looks them up (openssl-rehash(1))."""
    try:
        with os.scandir(folder) as found:
            return any(HASHED.fullmatch(entry.name) for entry in found)
    except OSError:
        return False


def _load_if_certificate(context: ssl.SSLContext, path: Path) -> None:
    """A folder of roots may hold other files too."""
    try:
        context.load_verify_locations(cafile=str(path))
    except (ssl.SSLError, OSError):
        return


def _limit(sock: socket.socket, transport: Transport, deadline: float) -> None:
    left = deadline - transport.monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)


def _body(answer: http.client.HTTPResponse, sock: socket.socket, transport: Transport, deadline: float) -> bytes:
    """The whole body under the deadline, unpacked. A body shorter than announced is no answer."""
    parts = []
    try:
        _limit(sock, transport, deadline)
        while part := answer.read1(1 << 20):
            parts.append(part)
            _limit(sock, transport, deadline)
        if answer.length:
            raise NoAnswerError("failed to read response body: unexpected EOF")
        body = b"".join(parts)
        return _unpacked(body) if answer.headers.get("Content-Encoding") == "gzip" and body else body
    except (OSError, http.client.HTTPException, EOFError) as error:
        cause = "context deadline exceeded" if isinstance(error, TimeoutError) else str(error) or "unexpected EOF"
        raise NoAnswerError(f"failed to read response body: {cause}") from error


def _unpacked(body: bytes) -> bytes:
    """Raises OSError or EOFError for what is no gzip."""
    import gzip  # what a short answer never needs
    import zlib

    try:
        return gzip.decompress(body)
    except zlib.error as error:
        raise OSError(str(error)) from error


def _failed(request: Request, cause: str) -> NoAnswerError:
    where = redact.address(request.url)
    return NoAnswerError(f'failed to make request: {request.method.capitalize()} "{where}": {cause}')


CAUSES: tuple[tuple[type[Exception], str], ...] = (  # in the words that the Go client's users know; first match wins
    (http.client.RemoteDisconnected, "EOF"),
    (http.client.BadStatusLine, "EOF"),
    (TimeoutError, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
    (socket.gaierror, "dial tcp: lookup {host}: no such host"),
    (ConnectionRefusedError, "dial tcp {address}: connect: connection refused"),
    (ConnectionResetError, "read: connection reset by peer"),
)


def _cause(error: Exception, where: SplitResult) -> str:
    """Why there is no answer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {error.verify_message}"
    for kind, text in CAUSES:
        if isinstance(error, kind):
            return text.format(host=where.hostname, address=where.netloc.rpartition("@")[2])
    return str(error)
