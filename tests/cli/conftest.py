"""A control plane that says what a test scripts, a checkout with a remote, and the `sonde` process."""

import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append(Seen(self.command, self.path, dict(self.headers), raw))
        script = self.server.script
        reply = script.pop(0) if len(script) > 1 else script[0]
        status, body, headers = (*reply, {})[:3]
        if status == "close":
            self.close_connection = True
            self.connection.close()
            return
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the standard library calls these names


class Seen:
    """One request as it arrived."""

    def __init__(self, method, path, headers, raw):
        self.method, self.path, self.raw = method, path, raw
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = json.loads(raw) if raw else None


class Plane(ThreadingHTTPServer):
    """`script` holds (status, body[, headers]) in order; the last one repeats."""

    daemon_threads = True

    def __init__(self, pki=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen, self.script, self.tls = [], [(200, {"success": True, "data": {}})], None
        if pki:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(pki / "server.pem", pki / "server.key")
        self.url = f"{'https' if pki else 'http'}://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def finish_request(self, request, client_address):
        try:
            if self.tls:
                request = self.tls.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
            request.close()
        except OSError:
            pass

    def says(self, *replies):
        self.script = list(replies)


@pytest.fixture
def plane():
    server = Plane()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """A certificate authority of our own and a certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("pki")

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    names = "subjectAltName=DNS:localhost,DNS:api.example,IP:127.0.0.1"
    (folder / "ext").write_text(f"{names}\nbasicConstraints=critical,CA:FALSE\n")
    openssl(
        *["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test CA"],
        *["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"],
        *["-keyout", "ca.key", "-out", "ca.pem"],
    )
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", "server.key", "-out", "server.csr")
    openssl(
        *["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
        *["-days", "2", "-extfile", "ext", "-out", "server.pem"],
    )
    return folder


@pytest.fixture
def tls_plane(pki):
    server = Plane(pki)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def committed(tmp_path_factory):
    """What `checkout` is a copy of."""
    root = tmp_path_factory.mktemp("committed") / "infra"
    (root / "stacks").mkdir(parents=True)
    (root / "README").write_text("infra")
    (root / "atmos.yaml").write_text(
        'base_path: "."\nstacks:\n  base_path: stacks\n  included_paths: ["**/*"]\n  name_pattern: "{stage}"\n'
        "components:\n  terraform:\n    base_path: components/terraform\n"
    )
    (root / "stacks" / "dev.yaml").write_text(
        "vars:\n  stage: dev\ncomponents:\n  terraform:\n    vpc:\n      vars: {size: 1}\n"
    )
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run([*git, "init", "-q", "-b", "main", "--template="], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://github.com/acme/infra.git"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "start"], check=True)
    return root


@pytest.fixture
def checkout(committed, tmp_path):
    """A git repository of acme/infra with one stack and one component."""
    return Path(shutil.copytree(committed, tmp_path / "infra"))


@pytest.fixture
def sonde(checkout, plane, tmp_path, program):
    """Run the program in the checkout against the plane; the scrubbed environment can be added to."""

    def run(*argv, env=None, cwd=None):
        base = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "NO_COLOR": "1"}
        base |= {"ATMOS_PRO_BASE_URL": plane.url, "ATMOS_PRO_TOKEN": "static"}
        return program.run(*argv, cwd=cwd or checkout, env=base | (env or {}))

    return run


class Control:
    """A real control plane beside the offline GitHub, and the `sonde` process against it, as a static token or as a job."""

    def __init__(self, folder):
        from world import World

        from sonde.server.kernel.db import Database
        from sonde.server.migrate import upgrade

        url = f"sqlite:///{folder / 'sonde.sqlite'}"
        db = Database(url)
        upgrade(db)
        db.close()
        self.world, self.home = World(folder, url), folder
        self.token = self.world.static_token()
        self.base = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "NO_COLOR": "1"}
        self.base["ATMOS_PRO_BASE_URL"] = self.world.server.url

    def static(self):
        return self.base | {"ATMOS_PRO_TOKEN": self.token}

    def job(self, branch):
        """The environment of a new job of GitHub Actions."""
        self.world.open_pull_request(branch)
        run = next(run for run, item in self.world.runs.requests.items() if item is self.world.run_of())
        grant = self.world.runs.requests[run].oidc(self.world.runs.begin(run))
        return self.base | {
            "ATMOS_PRO_WORKSPACE_ID": "ws_test",
            "ACTIONS_ID_TOKEN_REQUEST_URL": grant.url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": grant.token,
            "SSL_CERT_FILE": str(self.world.sandbox.ca_file),
            "GITHUB_ACTIONS": "true",
        }

    def locks(self):
        """key without the repository -> the lock as the server shows it."""
        answer = self.world.server.request("GET", "/api/v1/repos/acme/infra/locks", token=self.token)
        return {item["key"].removeprefix("acme/infra/"): item for item in answer.data["locks"]}

    def take(self, instance, ttl=600, message="mine", token=None):
        body = {"key": f"acme/infra/{instance}", "ttl": ttl, "lockMessage": message}
        answer = self.world.server.request("POST", "/api/v1/locks", body=body, token=token or self.token)
        assert answer.status == 200, answer.body
        return answer.data

    def give(self, instance, token=None):
        answer = self.world.server.request(
            "DELETE", "/api/v1/locks", body={"key": f"acme/infra/{instance}"}, token=token or self.token
        )
        assert answer.status == 200, answer.body


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    made = Control(tmp_path_factory.mktemp("control"))
    yield made
    made.world.close()


@pytest.fixture
def start(checkout):
    """Start the real program in the checkout; what still runs at the end is killed."""
    running = []

    def begin(*argv, env):
        program = [sys.executable, "-m", "sonde.main", *argv]
        child = subprocess.Popen(
            program, cwd=checkout, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(child)
        return child

    yield begin
    for child in running:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture
def run(program, checkout):
    """Run it to its end; (exit code, standard output, standard error)."""

    def to_the_end(*argv, env):
        done = program.run(*argv, cwd=checkout, env=env)
        return done.returncode, done.stdout, done.stderr

    return to_the_end
