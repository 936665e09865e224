"""Releases: a tag, a page, and the workflows that listen to it."""

from sonde.sandbox import git
from sonde.sandbox.model import Release, Repository
from sonde.sandbox.repositories import Repositories
from sonde.sandbox.runs import Occasion
from sonde.sandbox.shapes import releases as shapes


class Releases(Repositories):
    def release(
        self, repository: str | Repository, tag: str, *, author: str, body: str = "", prerelease: bool = False
    ) -> Release:
        """Tag the default branch's tip (unless the tag exists) and publish a release of it.

        Webhooks as GitHub sends them for a release that was no draft: created, published, and released or prereleased.
        """
        with self.change():
            of = self.repository(repository)
            bare, ref = self.bare(of), f"refs/tags/{tag}"
            sha = git.resolve(bare, ref) or self.head(of)
            git.update_ref(bare, ref, sha)
            release = Release(
                id=self.next_id("release"),
                repository_id=of.id,
                tag=tag,
                name=tag,
                body=body,
                target=of.default_branch,
                author=self.account(author).login,
                created_at=self.time(),
                prerelease=prerelease,
            )
            self.records.releases[release.id] = release
            for action in ("created", "published", "prereleased" if prerelease else "released"):
                payload = self.emit("release", action, of, author, {"release": shapes.release(self, release)})
                self.start_runs(of, Occasion("release", payload, author, ref, sha, tag, sha, of, action))
            return release

    def releases_of(self, repository: str | Repository) -> list[Release]:
        """Newest first."""
        of = self.repository(repository)
        return [one for one in reversed(self.records.releases.values()) if one.repository_id == of.id]
