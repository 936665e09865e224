"""The keys of trusted issuers: discovery, cache, one fetch at a time, a cooldown for unknown key ids."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sonde.server.auth.jws import TokenRefusedError, rsa_keys
from sonde.server.kernel.log import log

FRESH = 3_600_000  # milliseconds after which an issuer's keys are fetched again
STALE = 24 * 3_600_000  # milliseconds after which they are worth nothing, if nobody could
SECONDS = 5  # for one document
COOLDOWN = 60_000  # milliseconds between two fetches for one issuer, whatever ids are asked for (reliability.md T20)
MAX_DOCUMENT = 256 * 1024


class KeysUnavailableError(Exception):
    """The issuer's keys cannot be had and the token's key is not among those we know."""


def fetch_with(tls: ssl.SSLContext) -> Callable[[str], bytes]:
    """A GET for small documents: https (http only on loopback), no redirect, capped in size and time."""

    def fetch(url: str) -> bytes:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise KeysUnavailableError(f"{url} is not https")
        try:
            with (
                httpx2.Client(verify=tls, timeout=SECONDS, follow_redirects=False) as client,  # rare: none is kept
                client.stream("GET", url) as answer,
            ):
                return _read(answer, url)
        except httpx2.HTTPError as error:
            raise KeysUnavailableError(f"{url}: {error}") from error

    return fetch


def _read(answer: httpx2.Response, url: str) -> bytes:
    if answer.status_code != 200:
        raise KeysUnavailableError(f"{url}: status {answer.status_code}")
    late, content = time.monotonic() + SECONDS, b""
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > MAX_DOCUMENT:
            raise KeysUnavailableError(f"{url}: more than {MAX_DOCUMENT // 1024} KiB")
        if time.monotonic() > late:
            raise KeysUnavailableError(f"{url}: not here within {SECONDS} seconds")
    return content


@dataclass(frozen=True)
class _Kept:
    """An issuer's keys as they were fetched at `at` (epoch milliseconds)."""

    keys: Mapping[str, RSAPublicKey]
    at: int


class Jwks:
    """Keys per issuer, fetched again each hour, so that a key that its issuer took back is soon worth nothing.

    Where a fetch fails or brings nothing usable, the keys that were good are kept, for a day (reliability.md T22).
    """

    def __init__(self, fetch: Callable[[str], bytes], now: Callable[[], int]) -> None:
        self._fetch, self._now = fetch, now
        self._kept: dict[str, _Kept] = {}
        self._fetched_at: dict[str, int] = {}
        self._lock = threading.Lock()

    def known(self, issuer: str, kid: str, now: int) -> RSAPublicKey:
        """The key, from the cache only. Raises KeyError where it may be worth a fetch, else what `key_of` raises.

        So a flood of unknown ids costs no thread and waits for nobody: within COOLDOWN nothing is fetched for them.
        """
        kept = self._kept[issuer]
        if now - kept.at >= FRESH or (kid not in kept.keys and now - self._fetched_at[issuer] >= COOLDOWN):
            raise KeyError(kid)
        if kid not in kept.keys:
            raise _no_key(kid)
        return kept.keys[kid]

    def key_of(self, issuer: str, kid: str) -> RSAPublicKey:
        """The key, from the cache or by at most one fetch a minute.

        Raises TokenRefusedError for an id the issuer does not have, KeysUnavailableError where nobody can tell.
        """
        now = self._now()
        # a caller whose key was known an hour ago uses it while another one fetches
        wait = kid not in self._keys(issuer, now)
        if wait or now - self._kept[issuer].at >= FRESH:
            self._renew(issuer, now, kid if wait else None)
        key = self._keys(issuer, now).get(kid)
        if key is not None:
            return key
        if issuer in self._kept and now - self._kept[issuer].at >= STALE:
            raise KeysUnavailableError(f"{issuer}: its keys could not be fetched for a day")
        raise _no_key(kid)

    def _keys(self, issuer: str, now: int) -> Mapping[str, RSAPublicKey]:
        kept = self._kept.get(issuer)
        return kept.keys if kept and now - kept.at < STALE else {}

    def _renew(self, issuer: str, now: int, kid: str | None) -> None:
        """Fetch, unless that was a minute ago. `kid` is what the caller cannot do without: he waits while another fetches."""
        if not self._lock.acquire(blocking=kid is not None):
            return
        try:
            if kid in self._keys(issuer, now):
                return  # 100 requests for a new key make one fetch
            last = self._fetched_at.get(issuer)
            if last is None or now - last >= COOLDOWN:
                self._refresh(issuer, now)
        finally:
            self._lock.release()

    def _refresh(self, issuer: str, now: int) -> None:
        try:
            keys = _rsa_keys(self._fetch(_jwks_url(issuer, self._fetch(f"{issuer}/.well-known/openid-configuration"))))
        except KeysUnavailableError as error:
            log.warning("jwks.unavailable", issuer=issuer, reason=str(error))
            if issuer not in self._kept:
                raise  # not counted as a fetch: the next exchange may try again at once
            keys = {}
        self._fetched_at[issuer] = now
        if keys:
            self._kept[issuer] = _Kept(keys, now)
            log.info("jwks.fetched", issuer=issuer, keys=len(keys))


def _no_key(kid: str) -> TokenRefusedError:
    return TokenRefusedError(f"the issuer has no key {kid[:100]!r} (keys are fetched again after a minute)")


def _jwks_url(issuer: str, discovery: bytes) -> str:
    document = _json(discovery)
    url, named = document.get("jwks_uri"), document.get("issuer")
    if not isinstance(named, str) or named.rstrip("/") != issuer or not isinstance(url, str):
        raise KeysUnavailableError(f"{issuer}: its discovery document speaks of another issuer or of no keys")
    if urlsplit(url).netloc != urlsplit(issuer).netloc:
        raise KeysUnavailableError(f"{issuer}: its keys lie on another host ({urlsplit(url).netloc})")
    return url


def _json(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise KeysUnavailableError("the document is not JSON") from error
    if not isinstance(document, dict):
        raise KeysUnavailableError("the document is not a JSON object")
    return document


def _rsa_keys(raw: bytes) -> Mapping[str, RSAPublicKey]:
    entries = _json(raw).get("keys")
    if not isinstance(entries, list):
        raise KeysUnavailableError("the document has no list of keys")
    return rsa_keys(entries)
