"""What keeps `sonde serve` from starting is one sentence and one exit code: addresses, settings, the App."""

import socket

import pytest

from sonde.server.settings import Settings
from sonde.server.start import Exit

pytestmark = pytest.mark.usefixtures("environment")


def test_a_port_in_use_is_71(refusal):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        code, said = refusal("--listen", taken)
    assert code == Exit.PORT
    assert f"{taken} cannot be listened on (Address already in use)" in said


@pytest.mark.parametrize("listen", ["192.0.2.1:80", "no-such-host.invalid:80"])
def test_an_address_that_is_not_ours_is_71(refusal, listen):
    code, said = refusal("--listen", listen)
    assert (code, "--listen ADDRESS:PORT" in said) == (Exit.PORT, True)


@pytest.mark.parametrize(
    "listen", ["here", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "[::1]:-1", ""]
)
def test_a_listen_address_that_is_none_is_78(refusal, listen):
    code, said = refusal("--listen", listen)
    assert (code, "ADDRESS:PORT" in said) == (Exit.CONFIG, True)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"GITHUB_APP_ID": 1}, "SONDE_GITHUB_APP_PRIVATE_KEY_FILE, SONDE_GITHUB_WEBHOOK_SECRET"),
        ({"GITHUB_APP_ID": 1, "GITHUB_WEBHOOK_SECRET": "s"}, "SONDE_GITHUB_APP_PRIVATE_KEY_FILE"),
    ],
)
def test_an_app_that_is_half_configured_is_78_and_names_the_rest(refusal, given, missing):
    code, said = refusal(**given)
    assert (code, f"set {missing} too" in said) == (Exit.CONFIG, True)


def test_the_demand_of_live_runs_without_an_app_is_78(refusal):
    code, said = refusal(OIDC_LIVE_RUNS="true")
    assert (code, "SONDE_OIDC_LIVE_RUNS" in said, "SONDE_GITHUB_APP_ID" in said) == (Exit.CONFIG, True, True)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"no key", b"\xff\xfe\x00", b"-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"],
)
def test_a_key_file_that_holds_no_key_is_78(refusal, tmp_path, content):
    file = tmp_path / "app.pem"
    if content is not None:
        file.write_bytes(content)
    code, said = refusal(GITHUB_APP_ID=1, GITHUB_WEBHOOK_SECRET="s", GITHUB_APP_PRIVATE_KEY_FILE=file)
    assert (code, f"SONDE_GITHUB_APP_PRIVATE_KEY_FILE names {file}" in said) == (Exit.CONFIG, True)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_holds_no_certificate_is_78(refusal, tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    code, said = refusal(CA_FILE=file)
    assert (code, f"SONDE_CA_FILE names {file}" in said) == (Exit.CONFIG, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "loud"),
        ("POLL_SECONDS", "often"),
        ("POLL_SECONDS", "0"),
        ("POLL_SECONDS", "nan"),
        ("DELIVERY_BODY_DAYS", "-1"),
        ("LOG_JSON", "perhaps"),
        ("GITHUB_APP_ID", "my-app"),
        ("PUBLIC_URL", "sonde.example.com"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://example.com/sonde"),
        ("PUBLIC_URL", "https://example.com:port"),
        ("GITHUB_API_URL", "api.github.com"),
        ("OIDC_ISSUERS", "https://token.actions.githubusercontent.com,token.example.com"),
    ],
)
def test_a_setting_of_no_sense_is_78_and_is_named(refusal, name, value):
    code, said = refusal(**{name: value})
    assert (code, f"SONDE_{name}" in said) == (Exit.CONFIG, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("LOG_LEVEL", "INFO"), ("GITHUB_APP_ID", "Iv23liAbc.d"), ("PUBLIC_URL", "https://sonde.example.com/")],
)
def test_a_setting_in_another_spelling_is_taken(environment, name, value):
    environment.setenv(f"SONDE_{name}", value)
    assert getattr(Settings(), name.lower())
