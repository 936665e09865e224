"""Asking for tokens, keeping them between commands, and ending them."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sonde.cli import answers, client, transport
from sonde.cli.errors import ApiError, CliError, DecodeError, RefusedError, SignInError
from sonde.cli.project import Project
from sonde.cli.sts.integrations import Integration
from sonde.cli.transport import Request, Transport
from sonde.wire import codec
from sonde.wire.sts import PATH, GitHubToken, StsAnswer, StsRequest

MARGIN = 60.0  # seconds that a token must still last
NO = {
    400: "the control plane gives tokens to sessions of GitHub Actions only",
    403: "the workspace may not have GitHub tokens, or they are switched off",
    404: "this control plane gives no GitHub tokens (it has no /sts)",
}
# What may stand in a URL and in a git configuration without being taken for something else.
HOST, OWNER, TOKEN = re.compile(r"[A-Za-z0-9.-]+(:\d+)?"), re.compile(r"[A-Za-z0-9_.-]+"), re.compile(r"[\w.=-]+")


def mint(home: Project, wanted: Integration) -> StsAnswer:
    """New tokens. One sign-in and one attempt (protocol.md §8). Raises ApiError."""
    if not wanted.pro.workspace_id:
        raise SignInError("no workspace is named: set the provider's spec.workspace_id or ATMOS_PRO_WORKSPACE_ID")
    session = client.open_session(wanted.pro, home.process, home.log)
    if not session.token:
        raise SignInError("the control plane signed us in with an empty token")
    body = transport.encode(codec.to_json(StsRequest(wanted.repos or None, wanted.policy)))
    answer = session.send("POST", PATH, body)
    if answer.status not in (200, 201):
        refused = answers.refusal(answer)
        raise RefusedError(f"{NO.get(answer.status, f'HTTP {answer.status}')}: {refused.message}", status=answer.status)
    said = answers.read(answer.body, answers.TOKENS)
    if not said.success:
        raise answers.refusal(answer)
    try:
        return codec.from_json(StsAnswer, said.data, "data")
    except codec.WireError as error:
        raise DecodeError(f"the answer of /sts cannot be read: {error}") from error


def usable(token: GitHubToken) -> bool:
    """Whether a token names its host and owner and is nothing but a token: it becomes a part of git's configuration."""
    fits = (HOST.fullmatch(token.host), OWNER.fullmatch(token.owner), TOKEN.fullmatch(token.token))
    return all(fits)


def lasts(token: GitHubToken, now: float) -> bool:
    """Whether a token is good for another minute; one without a readable end is not trusted."""
    try:
        return bool(answers.RFC3339.fullmatch(token.expires_at)) and (
            datetime.fromisoformat(token.expires_at).timestamp() - now > MARGIN
        )
    except ValueError:
        return False


def folder(home: Project, wanted: Integration) -> Path:
    """Where an integration's files are: by the project's folder, below XDG_DATA_HOME."""
    env = home.process.env
    base = Path(env.get("XDG_DATA_HOME") or Path(env.get("HOME", "/")) / ".local" / "share")
    realm = hashlib.sha256(str(home.config.folder or home.process.cwd).encode()).hexdigest()[:16]
    name = re.sub(r"[^\w.-]", "_", wanted.name).lstrip(".")
    return base / "sonde" / "github-sts" / realm / (name or "_")


def write(path: Path, text: str) -> None:
    """A file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def asked(wanted: Integration) -> dict[str, Any]:
    """What tokens were asked for; those of another question are not reused."""
    pro = wanted.pro
    where = [pro.url(PATH), pro.workspace_id, pro.audience]
    return {"sources": list(wanted.repos), "policyName": wanted.policy, "server": where}


def kept(home: Project, wanted: Integration) -> tuple[GitHubToken, ...]:
    """The tokens of an earlier command, if all of them last; else none. A broken file is no file."""
    try:
        state = json.loads((folder(home, wanted) / "state.json").read_text(encoding="utf-8"))
        if not isinstance(state, Mapping) or state.get("asked") != asked(wanted):
            return ()
        tokens = codec.from_json(StsAnswer, state).tokens
    except (OSError, ValueError):
        return ()
    return tokens if all(usable(token) and lasts(token, home.process.now()) for token in tokens) else ()


def keep(home: Project, wanted: Integration, tokens: tuple[GitHubToken, ...]) -> None:
    """For later commands. Raises OSError."""
    state = {"asked": asked(wanted), "tokens": codec.to_json(tokens)}
    write(folder(home, wanted) / "state.json", json.dumps(state))


def revoke(home: Project, token: GitHubToken) -> None:
    """End a token at GitHub itself, by the token (protocol.md §7.2). Raises CliError."""
    api = home.process.env.get("GITHUB_API_URL") or "https://api.github.com"
    if urlsplit(api).scheme != "https":
        raise CliError(f"GITHUB_API_URL is {api}; a token is sent by https only")
    headers = {
        "Authorization": f"Bearer {token.token}",
        "Accept": "application/vnd.github+json",
        "User-Agent": client.USER_AGENT,
    }
    request = Request("DELETE", f"{api.rstrip('/')}/installation/token", headers)
    try:
        answer = transport.send(request, Transport(home.process.env))
    except ApiError as error:
        raise CliError(error.message) from error
    if answer.status != 204:
        raise CliError(f"HTTP status: {answer.status} {answer.reason}")
