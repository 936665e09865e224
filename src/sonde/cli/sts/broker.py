"""Tokens around a command: asked for before it, given to git through the environment, ended after it.

Nothing here fails a command: without a token git asks for private sources as it did before.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sonde.cli import signals
from sonde.cli.errors import CliError
from sonde.cli.project import Project
from sonde.cli.sts import integrations, tokens
from sonde.cli.sts.integrations import Integration
from sonde.wire.sts import GitHubToken

Grant = tuple[Integration, tuple[GitHubToken, ...]]


@contextmanager
def brokered(home: Project) -> Iterator[Project]:
    """The project with an environment in which git finds private sources, for as long as it lasts.

    Tokens that are to be revoked are this process's own: they are never shared with another that may still use them. A
    signal that asks us to end while no tool runs that it is for ends them too.
    """
    grants: list[Grant] = []
    files: list[Path] = []
    with signals.raised():
        try:
            for wanted in _wanted(home):
                with signals.held_back():  # a token that was minted is known before the signal counts
                    grants.append((wanted, _granted(home, wanted)))
            entries = [entry for grant in grants for entry in _entries(home, grant, files)]
            minted = [token for _, found in grants for token in found]
            env = environment(home.process.env, entries, minted)
            yield home._replace(process=home.process._replace(env=env))
        finally:
            with signals.held_back():
                for path in files:
                    path.unlink(missing_ok=True)
                for wanted, found in grants:
                    _revoke(home, wanted, found)


def _wanted(home: Project) -> list[Integration]:
    try:
        found = integrations.of(home)
    except CliError as error:
        home.log.warning("GitHub STS: the integration is left out.", error=error.message)
        return []
    if found and home.process.env.get("GITHUB_ACTIONS") != "true":
        home.log.info("GitHub STS: no tokens outside GitHub Actions.")
        return []
    return found


def _granted(home: Project, wanted: Integration) -> tuple[GitHubToken, ...]:
    """The tokens of an integration: those that are kept, else new ones. A failure is a warning."""
    found = () if wanted.revoke else tokens.kept(home, wanted)
    if found:
        _mask(home, found)
        return found
    try:
        answer = tokens.mint(home, wanted)
    except CliError as error:
        home.log.warning("GitHub STS: no tokens.", integration=wanted.name, error=error.message)
        return ()
    for each in answer.excluded:
        home.log.warning("GitHub STS: no token.", integration=wanted.name, repo=each.repo, reason=each.reason)
    found = tuple(token for token in answer.tokens if tokens.usable(token))
    if len(found) < len(answer.tokens):
        home.log.warning("GitHub STS: tokens without a usable host, owner or value left out.", integration=wanted.name)
    _mask(home, found)
    owners = ", ".join(dict.fromkeys(token.owner for token in found))
    said = f"✓ GitHub STS: minted {len(found)} token(s) for {owners}" if found else "▶ GitHub STS: no tokens granted"
    home.process.stderr.write(said + "\n")
    if found and not wanted.revoke:
        _keep(home, wanted, found)
    return found


def _mask(home: Project, found: tuple[GitHubToken, ...]) -> None:
    """Tell the runner what not to show (GitHub docs, "Workflow commands": masking a value in a log)."""
    for token in found:
        home.process.stderr.write(f"::add-mask::{token.token}\n")
    home.process.stderr.flush()


def _keep(home: Project, wanted: Integration, found: tuple[GitHubToken, ...]) -> None:
    try:
        tokens.keep(home, wanted, found)
    except OSError as error:
        home.log.warning("GitHub STS: the tokens could not be kept.", integration=wanted.name, error=error)


def _entries(home: Project, grant: Grant, files: list[Path]) -> list[tuple[str, str]]:
    """Git configuration, as names and values; by `file` only the name of a file is in the environment."""
    wanted, found = grant
    if not found or wanted.mode == "env":
        return [entry for token in found for entry in rewrites(token)]
    name = f"git.{os.getpid()}.config" if wanted.revoke else "git.config"
    path = tokens.folder(home, wanted) / name
    try:
        tokens.write(path, "".join(_section(token) for token in found))
    except OSError as error:
        home.log.warning("GitHub STS: git's configuration was not written.", integration=wanted.name, error=error)
        return []
    if wanted.revoke:
        files.append(path)
    return [("include.path", str(path))]


def rewrites(token: GitHubToken) -> list[tuple[str, str]]:
    """Both forms of the owner's address become one with the token in it (git-config(1), `url.<base>.insteadOf`)."""
    key = f"url.https://x-access-token:{token.token}@{token.host}/{token.owner}/.insteadOf"
    return [(key, f"{scheme}{token.host}/{token.owner}/") for scheme in ("https://", "ssh://git@")]


def _section(token: GitHubToken) -> str:
    lines = "".join(f"\tinsteadOf = {value}\n" for _, value in rewrites(token))
    return f'[url "https://x-access-token:{token.token}@{token.host}/{token.owner}/"]\n{lines}'


def environment(env: Mapping[str, str], entries: list[tuple[str, str]], minted: list[GitHubToken]) -> Mapping[str, str]:
    """`env` with git's entries behind those that are there (git-config(1), GIT_CONFIG_COUNT)."""
    if not entries:
        return env
    count = env.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdecimal() else 0
    added = {"GIT_CONFIG_COUNT": str(first + len(entries))}
    for number, (key, value) in enumerate(entries, first):
        added |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    if len(minted) == 1:
        added["ATMOS_PRO_GITHUB_TOKEN"] = minted[0].token
    return {**env, **added}


def _revoke(home: Project, wanted: Integration, found: tuple[GitHubToken, ...]) -> None:
    for token in found if wanted.revoke else ():
        try:
            tokens.revoke(home, token)
        except CliError as error:
            home.log.warning(
                "GitHub STS: the token could not be revoked; it ends by itself.",
                integration=wanted.name,
                owner=token.owner,
                expires=token.expires_at,
                error=error.message,
            )
