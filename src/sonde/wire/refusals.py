"""What each error tag means: its statuses, when it is said, and the next step. `docs/errors.md` shows the same table."""

from collections.abc import Mapping
from dataclasses import dataclass

from sonde.wire.envelope import ErrorTag


@dataclass(frozen=True)
class Refusal:
    """`statuses` are those that the tag comes with; the texts are for people."""

    statuses: tuple[int, ...]
    when: str
    next_step: str


REFUSALS: Mapping[ErrorTag, Refusal] = {
    ErrorTag.BAD_REQUEST: Refusal(
        (400, 408, 415, 422, 431),
        "The body, the query, a lock key or a ttl is not valid; a part of an upload that came in parts; "
        "408: the rest of the request did not come; 415: a content encoding other than gzip; "
        "422: GitHub refused what was asked of it; 431: headers over 64 KiB.",
        "The message names the field and what it must be.",
    ),
    ErrorTag.DRIFT_DETECTION: Refusal(
        (400,),
        "An inventory has instances that want drift detection and lack its workflows, and the workspace is strict about it "
        "(`sonde admin workspace set`). Nothing of it was taken.",
        "`data.validationErrors` names each instance and the setting it lacks.",
    ),
    ErrorTag.UNAUTHORIZED: Refusal(
        (401,),
        "No bearer token, or one that is unknown, revoked or expired; an OIDC token that proves nothing; "
        "a webhook whose signature does not fit.",
        "In a job: `permissions: id-token: write`, `ATMOS_PRO_WORKSPACE_ID`. Elsewhere: a new `ATMOS_PRO_TOKEN`. "
        "Webhook: compare the App's secret with `SONDE_GITHUB_WEBHOOK_SECRET`.",
    ),
    ErrorTag.REPLAYED: Refusal(
        (401,),
        "A GitHub OIDC token was exchanged before.",
        "Ask GitHub for a new one for each exchange; the clients do.",
    ),
    ErrorTag.FORBIDDEN: Refusal(
        (403,),
        "No row of the repository gives the job this permission; the credential is for another repository than the request "
        "names; an inventory of a change that is not merged.",
        "The message holds the `sonde admin permission add` command; else check the git remote and the event.",
    ),
    ErrorTag.REPOSITORY_NOT_LINKED: Refusal(
        (403,),
        "The repository is not linked to the workspace, or its owner's id changed.",
        "The message holds the `sonde admin repo add` command to run.",
    ),
    ErrorTag.WORKSPACE_NOT_FOUND: Refusal(
        (404,),
        "There is no such workspace on this server.",
        "Check `ATMOS_PRO_WORKSPACE_ID` and `ATMOS_PRO_BASE_URL`.",
    ),
    ErrorTag.NOT_FOUND: Refusal(
        (404,),
        "There is no such address, no such result, or no event of that pull request has arrived.",
        "Check `ATMOS_PRO_BASE_URL` and `ATMOS_PRO_ENDPOINT`; docs/routes.md lists what there is.",
    ),
    ErrorTag.LOCK_NOT_FOUND: Refusal(
        (404,),
        "There is nothing to unlock: the lock was released or has expired.",
        "Nothing to do.",
    ),
    ErrorTag.METHOD_NOT_ALLOWED: Refusal(
        (405,),
        "The address exists, with another method.",
        "The header `Allow` names those it has.",
    ),
    ErrorTag.LOCK_CONFLICT: Refusal(
        (409,),
        "Somebody else holds the lock; or the lock to release is not the asker's any more, "
        "or is a dispatch's automatic lock, or may be released by its holder alone.",
        "The message says who holds it until when. `context` has `holder`, `expiresAt` and `fence`.",
    ),
    ErrorTag.HEAD_MOVED: Refusal(
        (409,),
        "Somebody pushed to the branch twice while a commit was made on it; nothing was committed.",
        "The push starts a new run, which commits.",
    ),
    ErrorTag.BATCH_CONFLICT: Refusal(
        (409,),
        "A part of an upload contradicts an earlier one of its batch: other bytes under the same index, "
        "another total or another commit.",
        "Upload again: the client makes a new batch.",
    ),
    ErrorTag.EXECUTION_CONFLICT: Refusal(
        (409,),
        "Another run reported an execution of this id.",
        "Give each execution an id of its own, such as a UUID; the clients do.",
    ),
    ErrorTag.PAYLOAD_TOO_LARGE: Refusal(
        (413,),
        "The body is over its cap, counted after decompression: uploads 32 MiB, commits and results of executions 64 MiB, "
        "webhooks 25 MiB, what carries no upload (a lock, a token, a status) 1 MiB.",
        "Send less.",
    ),
    ErrorTag.INTERNAL: Refusal((500,), "A bug.", "Look for the trace id in the server's log."),
    ErrorTag.UNAVAILABLE: Refusal(
        (503,),
        "The database cannot be written, an issuer's keys cannot be fetched, GitHub does not answer or there is no App, "
        "or webhooks are off. Nothing was stored. Comes with `Retry-After: 5`.",
        "Try again; clients do that by themselves for uploads and results.",
    ),
}
