"""One HTTP request: redirects, gzip, deadlines, certificates and proxies (`cli/transport.py`)."""

import gzip
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sonde.cli import transport
from sonde.cli.errors import ApiError, NoAnswerError
from sonde.cli.transport import Request, Transport


def test_certificates_are_read_once_for_all_requests(tls_plane, pki):
    env = {"SSL_CERT_FILE": str(pki / "ca.pem")}
    first = transport.roots(env, full=False)
    for _ in range(2):
        transport.send(Request("GET", tls_plane.url), Transport(dict(env)))
    assert transport.roots(dict(env), full=False) is first
    assert transport.roots({}, full=False) is not first


def get(url, **more):
    return transport.send(
        Request("POST", url, {"Authorization": "Bearer x", "Content-Type": "a/b"}, b"{}"), Transport({}, **more)
    )


def test_a_307_repeats_the_request_and_a_302_asks_with_a_bare_get(plane):
    plane.says((307, b"", {"Location": "/moved"}), (302, b"", {"Location": "/again"}), (200, b"ok"))
    assert get(plane.url + "/x").body == b"ok"
    first, second, third = plane.seen
    assert (second.method, second.path, second.raw) == ("POST", "/moved", b"{}")
    assert (third.method, third.path, third.raw) == ("GET", "/again", b"")
    assert "content-type" not in third.headers
    assert third.headers["authorization"] == first.headers["authorization"]


def test_a_redirect_to_another_host_does_not_take_the_token_along(plane):
    plane.says((307, b"", {"Location": plane.url.replace("127.0.0.1", "localhost")}), (200, b""))
    get(plane.url)
    assert "authorization" not in plane.seen[1].headers


def test_redirects_end(plane):
    plane.says((302, b"", {"Location": "/round"}))
    with pytest.raises(NoAnswerError, match="10 redirects"):
        get(plane.url)


def test_gzip_is_understood(plane):
    plane.says((200, gzip.compress(b"hello"), {"Content-Encoding": "gzip"}))
    assert get(plane.url).body == b"hello"


def test_a_body_shorter_than_announced_is_no_answer(plane):
    plane.says((200, b"{}", {"Content-Length": "99"}))
    with pytest.raises(NoAnswerError, match="unexpected EOF"):
        get(plane.url)


def test_a_server_that_is_silent_is_given_up_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(NoAnswerError, match="deadline exceeded"):
        get(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout=0.05)


@pytest.mark.parametrize("url", ["://nope/api", "nope", "ftp://x/y", "http://", "http://[::1"])
def test_an_address_that_cannot_be_asked_is_an_error_before_any_request(url):
    with pytest.raises(ApiError):
        get(url)


def test_ssl_cert_file_makes_a_private_authority_trusted(tls_plane, pki):
    tls_plane.says((200, b"ok"))
    request = Request("GET", tls_plane.url)
    assert transport.send(request, Transport({"SSL_CERT_FILE": str(pki / "ca.pem")})).body == b"ok"
    with pytest.raises(NoAnswerError, match="certificate"):
        transport.send(request, Transport({}))


def test_ssl_cert_dir_may_hold_other_files_too(tls_plane, pki):
    tls_plane.says((200, b"ok"))
    assert transport.send(Request("GET", tls_plane.url), Transport({"SSL_CERT_DIR": str(pki)})).body == b"ok"


def test_a_root_in_a_folder_is_found_by_its_hash_or_else_by_reading_the_folder(tls_plane, pki, tmp_path):
    tls_plane.says((200, b"ok"))
    request = Request("GET", tls_plane.url)
    (tmp_path / "ca.crt").write_bytes((pki / "ca.pem").read_bytes())
    (tmp_path / "0123abcd.0").write_text("another root would stand here")
    found = transport.send(request, Transport({"SSL_CERT_DIR": str(tmp_path)}))
    assert found.body == b"ok", "the quick look by hash misses it, the second one reads everything"
    (tmp_path / "0123abcd.0").unlink()
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, capture_output=True)
    assert transport.send(request, Transport({"SSL_CERT_DIR": f"/nowhere:{tmp_path}"})).body == b"ok"


def test_a_named_file_of_roots_excludes_all_others(tls_plane, pki):
    tls_plane.says((200, b"ok"))
    with pytest.raises(NoAnswerError, match="certificate"):
        transport.send(Request("GET", tls_plane.url), Transport({"SSL_CERT_FILE": str(pki / "server.pem")}))
    with pytest.raises(NoAnswerError, match="certificate"):
        transport.send(Request("GET", tls_plane.url), Transport({}))


@pytest.mark.parametrize(
    ("env", "used"),
    [
        ({"HTTP_PROXY": "PLANE"}, True),
        ({"http_proxy": "PLANE"}, True),
        ({"HTTP_PROXY": "PLANE", "NO_PROXY": "other.test,.example"}, False),
        ({"HTTP_PROXY": "PLANE", "NO_PROXY": "*"}, False),
        ({"HTTPS_PROXY": "PLANE"}, False),
    ],
)
def test_a_proxy_is_used_as_go_would(plane, env, used):
    env = {name: value.replace("PLANE", plane.url) for name, value in env.items()}
    request = Request("GET", "http://api.example/x")
    if used:
        transport.send(request, Transport(env))
        assert plane.seen[0].path == "http://api.example/x"
        return
    with pytest.raises(NoAnswerError):
        transport.send(request, Transport(env, timeout=2))
    assert not plane.seen


class Tunnel(BaseHTTPRequestHandler):
    """A proxy that takes CONNECT and leads every name to one place."""

    def log_message(self, *args):
        pass

    def do_CONNECT(self):
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization")))
        with socket.create_connection(self.server.target) as far:
            self.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            pipes = [
                threading.Thread(target=pump, args=pair) for pair in ((self.connection, far), (far, self.connection))
            ]
            for pipe in pipes:
                pipe.start()
            for pipe in pipes:
                pipe.join()
        self.close_connection = True


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def proxy(tls_plane):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tunnel)
    server.target, server.asked = tls_plane.server_address, []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_https_goes_through_a_tunnel_of_the_proxy_with_its_login(proxy, tls_plane, pki):
    tls_plane.says((200, b"ok"))
    env = {"HTTPS_PROXY": f"http://me:p%40ss@127.0.0.1:{proxy.server_address[1]}", "SSL_CERT_FILE": str(pki / "ca.pem")}
    answer = transport.send(Request("POST", "https://api.example/locks", {}, b"{}"), Transport(env))
    assert answer.body == b"ok"
    assert proxy.asked == [("api.example:443", "Basic bWU6cEBzcw==")]
    assert tls_plane.seen[0].path == "/locks"
