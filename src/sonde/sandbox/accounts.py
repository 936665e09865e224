"""Users, organisations, the App's installations and the tokens it mints."""

from collections.abc import Mapping, Sequence

from sonde.sandbox.hooks import Hooks
from sonde.sandbox.model import Account, AccountType, Installation, Token
from sonde.sandbox.shapes import accounts as shapes

TOKEN_LIFE = 3600  # seconds; GitHub docs, "Generating an installation access token"
RANK = {"read": 1, "write": 2, "admin": 3}


class Refused(Exception):  # noqa: N818 - a refusal of GitHub's, not a bug of ours
    """GitHub's answer to a request it does not grant: HTTP status, its sentence, and the errors it lists."""

    def __init__(self, status: int, message: str, errors: Sequence[Mapping[str, str] | str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)


def not_found() -> Refused:
    return Refused(404, "Not Found")


def grants(permissions: Mapping[str, str], area: str, level: str) -> bool:
    return RANK.get(permissions.get(area, ""), 0) >= RANK[level]


class Accounts(Hooks):
    def add_user(self, login: str) -> Account:
        return self._add_account(login, "User")

    def add_organization(self, login: str) -> Account:
        return self._add_account(login, "Organization")

    def _add_account(self, login: str, kind: AccountType) -> Account:
        with self.change():
            if login in self.records.accounts:
                return self.records.accounts[login]
            account = Account(id=self.next_id("account"), login=login, type=kind)
            self.records.accounts[login] = account
            return account

    def install(self, owner: str, repositories: Sequence[str] | None = None) -> Installation:
        """Install the App on an account, for all of its repositories or the named ones; webhook `installation`."""
        with self.change():
            now = self.time()
            chosen = None if repositories is None else [self.repository(name).id for name in repositories]
            installation = Installation(
                id=self.next_id("installation"),
                account=self.account(owner).login,
                created_at=now,
                updated_at=now,
                permissions=dict(self.records.app.permissions),
                repository_ids=chosen,
            )
            self.records.installations[installation.id] = installation
            self._emit_installation("created", installation)
            return installation

    def uninstall(self, owner: str) -> None:
        with self.change():
            installation = self.installation(owner)
            self._emit_installation("deleted", installation)
            del self.records.installations[installation.id]
            tokens = self.records.tokens
            for value in [one.value for one in tokens.values() if one.installation_id == installation.id]:
                del tokens[value]

    def suspend(self, owner: str) -> None:
        with self.change():
            installation = self.installation(owner)
            installation.suspended_at = installation.updated_at = self.time()
            self._emit_installation("suspend", installation)

    def unsuspend(self, owner: str) -> None:
        with self.change():
            installation = self.installation(owner)
            installation.suspended_at, installation.updated_at = None, self.time()
            self._emit_installation("unsuspend", installation)

    def installation(self, owner: str | int) -> Installation:
        """By account or id; KeyError if the App is not installed there."""
        for one in self.records.installations.values():
            if owner in (one.id, one.account):
                return one
        raise KeyError(f"the App is not installed on {owner}")

    def _emit_installation(self, action: str, of: Installation) -> None:
        covered = [
            shapes.repository_lite(one)
            for one in self.records.repositories.values()
            if one.owner == of.account and (of.repository_ids is None or one.id in of.repository_ids)
        ]
        payload = {
            "action": action,
            "installation": shapes.installation(self, of),
            "repositories": covered,
            "sender": shapes.user(self, of.account),
        }
        self.record_delivery("installation", action, payload, installation_id=of.id)

    def mint_token(
        self,
        installation: Installation,
        *,
        repository_ids: Sequence[int] | None = None,
        permissions: Mapping[str, str] | None = None,
    ) -> Token:
        """An installation access token of one hour, narrowed to repositories and permissions if asked."""
        for area, level in (permissions or {}).items():
            if not grants(installation.permissions, area, level):
                raise Refused(422, "The permissions requested are not granted to this installation.")
        with self.change():
            token = Token(
                value=self.ids.token("ghs_"),
                installation_id=installation.id,
                expires_at=self.time_in(seconds=TOKEN_LIFE),
                permissions=dict(permissions or installation.permissions),
                repository_ids=list(repository_ids) if repository_ids is not None else installation.repository_ids,
            )
            self.records.tokens[token.value] = token
            return token

    def personal_token(self, login: str) -> str:
        """A token with which a person may do what the person may, for git over https; 90 days."""
        with self.change():
            token = Token(
                value=self.ids.token("ghp_"),
                installation_id=None,
                expires_at=self.time_in(days=90),
                permissions={"contents": "write", "metadata": "read"},
                login=self.account(login).login,
            )
            self.records.tokens[token.value] = token
            return token.value

    def live_token(self, value: str) -> Token | None:
        """The token of that value, if it has not expired and its installation is in force."""
        token = self.records.tokens.get(value)
        if token is None or token.expires_at <= self.time():
            return None
        if token.installation_id is None:
            return token
        installation = self.records.installations.get(token.installation_id)
        return token if installation and not installation.suspended_at else None
