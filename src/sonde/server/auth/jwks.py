"""The keys of trusted issuers: discovery, cache, one fetch at a time, a cooldown for unknown key ids."""

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sonde.server.auth.jws import TokenRefusedError, rsa_keys
from sonde.server.kernel.log import log

COOLDOWN = 60_000  # milliseconds between two fetches for one issuer, whatever ids are asked for (reliability.md T20)
MAX_DOCUMENT = 256 * 1024


class KeysUnavailableError(Exception):
    """The issuer's keys cannot be had and the token's key is not among those we know."""


def fetch_with(tls: ssl.SSLContext) -> Callable[[str], bytes]:
    """A GET for small documents: https (http only on loopback), no redirect, 5 seconds, capped."""

    def fetch(url: str) -> bytes:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise KeysUnavailableError(f"{url} is not https")
        try:
            with httpx2.Client(verify=tls, timeout=5, follow_redirects=False) as client:  # rare: no connection is kept
                answer = client.get(url)
        except httpx2.HTTPError as error:
            raise KeysUnavailableError(f"{url}: {error}") from error
        if answer.status_code != 200 or len(answer.content) > MAX_DOCUMENT:
            raise KeysUnavailableError(f"{url}: status {answer.status_code}, {len(answer.content)} bytes")
        return answer.content

    return fetch


class Jwks:
    """Keys per issuer. Good keys are kept when a later fetch fails or brings nothing usable (reliability.md T22)."""

    def __init__(self, fetch: Callable[[str], bytes], now: Callable[[], int]) -> None:
        self._fetch, self._now = fetch, now
        self._keys: dict[str, Mapping[str, RSAPublicKey]] = {}
        self._fetched_at: dict[str, int] = {}
        self._lock = threading.Lock()

    def known(self, issuer: str, kid: str) -> RSAPublicKey:
        """The key, from the cache only. Raises KeyError for one that is not there."""
        return self._keys[issuer][kid]

    def key_of(self, issuer: str, kid: str) -> RSAPublicKey:
        """The key, from the cache or by at most one fetch a minute.

        Raises TokenRefusedError for an id the issuer does not have, KeysUnavailableError where nobody can tell.
        """
        if key := self._keys.get(issuer, {}).get(kid):
            return key
        with self._lock:  # 100 requests for a new key make one fetch
            if key := self._keys.get(issuer, {}).get(kid):
                return key
            last = self._fetched_at.get(issuer)
            if last is None or self._now() - last >= COOLDOWN:
                self._refresh(issuer)
            key = self._keys.get(issuer, {}).get(kid)
        if key is None:
            raise TokenRefusedError(f"the issuer has no key {kid[:100]!r} (keys are fetched again after a minute)")
        return key

    def _refresh(self, issuer: str) -> None:
        try:
            keys = _rsa_keys(self._fetch(_jwks_url(issuer, self._fetch(f"{issuer}/.well-known/openid-configuration"))))
        except KeysUnavailableError as error:
            log.warning("jwks.unavailable", issuer=issuer, reason=str(error))
            if issuer not in self._keys:
                raise  # not counted as a fetch: the next exchange may try again at once
            keys = {}
        self._fetched_at[issuer] = self._now()
        if keys:
            self._keys[issuer] = keys
            log.info("jwks.fetched", issuer=issuer, keys=len(keys))


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
