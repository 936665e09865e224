"""One address in front of two servers: each request goes to both, and both must answer with the same status.

The answer is the first one's; where the statuses differ it is a 599, which every checker of an API takes for a fault.
"""

import http.client
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from loopback import served

DIFFER = 599
KEPT_OUT = frozenset({"host", "connection", "keep-alive", "transfer-encoding"})
FOR_JOBS = ("/git/commit", "/sts")  # what only a job may ask for


class Mirror:
    """`servers` are pairs of an address and the bearer of a job there; `differences` is what they did not agree on."""

    def __init__(self, servers):
        self.servers, self.differences, self.statuses = servers, [], {}
        self._own = [{} for _ in servers]  # the ids that the first server gave, by those that each gave to the same
        self._lock = threading.Lock()

    def ask(self, method, path, headers, body):
        answers = []
        for (url, job), own in zip(self.servers, self._own, strict=True):
            there = re.sub(r"exd_\w+", lambda found, own=own: own.get(found[0], found[0]), path)
            answers.append(self._sent(url, job, method, there, headers, body))
        self._learn(path, answers)
        statuses = [status for status, _, _ in answers]
        with self._lock:
            counted = (method, family(path), statuses[0])
            self.statuses[counted] = self.statuses.get(counted, 0) + 1
            if len(set(statuses)) > 1:
                said = [json.loads(text or b"{}").get("errorMessage") for _, _, text in answers]
                self.differences.append((method, path, statuses, said, body[:500]))
        status, got, text = answers[0]
        return (status if len(set(statuses)) == 1 else DIFFER), got, text

    def _learn(self, path, answers):
        if path.endswith("/exec/data") and all(status == 200 for status, _, _ in answers):
            ids = [json.loads(text)["data"]["id"] for _, _, text in answers]
            for own, made in zip(self._own, ids, strict=True):
                own[ids[0]] = made

    def _sent(self, url, job, method, path, headers, body):
        line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        try:
            line.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers:
                if name.lower() == "authorization" and path.partition("?")[0].endswith(FOR_JOBS) and "static" in value:
                    value = f"Bearer {job}"  # noqa: PLW2901 - the header as it goes on
                if name.lower() not in KEPT_OUT:
                    line.putheader(name, value.encode("latin-1"))
            line.endheaders(body or None)
            answer = line.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            line.close()


def family(path):
    """What a path asks for, whatever the names in it."""
    plain = path.partition("?")[0].removeprefix("/api/v1/")
    if plain.startswith("repos/"):
        return "repos/…/" + next((word for word in ("instances", "locks", "pulls") if f"/{word}" in plain), "?")
    return "atmos/exec/data/…" if "/exec/data/" in plain else plain


@contextmanager
def door(mirror):
    """The address of the mirror."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together
        disable_nagle_algorithm = True

        def mirrored(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, text = mirror.ask(self.command, self.path, self.headers.items(), body)
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        def log_message(self, *_):
            pass

        def __getattr__(self, name):  # whatever the method is called
            if name.startswith("do_"):
                return self.mirrored
            raise AttributeError(name)

    with served(Handler) as address:
        yield address
