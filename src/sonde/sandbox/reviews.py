"""Reviews of pull requests: people approve, and so may the App."""

from typing import Literal, get_args

from sonde.sandbox.accounts import Refused
from sonde.sandbox.checks import Checks
from sonde.sandbox.model import PullRequest, Review
from sonde.sandbox.shapes import pulls as shapes

Verdict = Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]
STATES: dict[str, Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"]] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}


class Reviews(Checks):
    def review(self, pull: PullRequest, verdict: str, *, author: str, body: str = "") -> Review:
        """Submit a review of the pull request's head; webhook `pull_request_review.submitted`."""
        if verdict not in get_args(Verdict):
            raise Refused(422, f"Invalid request.\n\n{verdict} is not a member of {list(get_args(Verdict))}.")
        if verdict != "COMMENT" and author == pull.author:
            sentence = "approve" if verdict == "APPROVE" else "request changes on"
            raise Refused(422, "Unprocessable Entity", [f"Can not {sentence} your own pull request"])
        with self.change():
            review = Review(
                id=self.next_id("review"),
                repository_id=pull.repository_id,
                number=pull.number,
                author=self.account(author).login,
                body=body,
                state=STATES[verdict],
                commit_id=pull.head_sha,
                submitted_at=self.time(),
            )
            self.records.reviews[review.id] = review
            self._emit_review("submitted", review)
            return review

    def dismiss(self, review: Review) -> Review:
        """Take a review back; Refused 422 for a mere comment, as GitHub does."""
        with self.change():
            if review.state == "COMMENTED":
                raise Refused(422, "Can not dismiss a commented pull request review")
            review.state = "DISMISSED"
            self._emit_review("dismissed", review)
            return review

    def reviews_of(self, pull: PullRequest) -> list[Review]:
        place = (pull.repository_id, pull.number)
        return [one for one in self.records.reviews.values() if (one.repository_id, one.number) == place]

    def _emit_review(self, action: str, review: Review) -> None:
        of = self.repository(review.repository_id)
        pull = self.pull(of, review.number)
        body = {"review": shapes.review_of_webhook(self, review), "pull_request": shapes.simple(self, pull)}
        self.emit("pull_request_review", action, of, review.author, body)
