"""What the offline GitHub answers: every route with the permission it needs, as GitHub's documentation lists them."""

from sonde.sandbox.api import actions, apps, checks, gitdata, graphql, pulls, releases, repos
from sonde.sandbox.api.call import Route

REPO = "/repos/{owner}/{repo}"
ACTIONS = f"{REPO}/actions"
READ_ACTIONS, WRITE_ACTIONS = ("actions", "read"), ("actions", "write")
READ_CHECKS, WRITE_CHECKS = ("checks", "read"), ("checks", "write")
READ_CONTENTS, WRITE_CONTENTS = ("contents", "read"), ("contents", "write")
READ_PULLS, WRITE_PULLS = ("pull_requests", "read"), ("pull_requests", "write")
METADATA = ("metadata", "read")

ROUTES = (
    Route("GET", "/app", apps.get_app, "app"),
    Route("GET", "/app/installations", apps.list_installations, "app"),
    Route("GET", "/app/installations/{installation_id}", apps.get_installation, "app"),
    Route("POST", "/app/installations/{installation_id}/access_tokens", apps.create_token, "app"),
    Route("GET", "/app/hook/config", apps.get_hook_config, "app"),
    Route("PATCH", "/app/hook/config", apps.update_hook_config, "app"),
    Route("GET", "/app/hook/deliveries", apps.list_deliveries, "app"),
    Route("GET", "/app/hook/deliveries/{delivery_id}", apps.get_delivery, "app"),
    Route("POST", "/app/hook/deliveries/{delivery_id}/attempts", apps.redeliver, "app"),
    Route("GET", f"{REPO}/installation", apps.get_repository_installation, "app"),
    Route("GET", "/orgs/{org}/installation", apps.get_org_installation, "app"),
    Route("GET", "/installation/repositories", apps.list_repositories, METADATA),
    Route("DELETE", "/installation/token", apps.revoke_token, METADATA),
    Route("GET", "/users/{username}", apps.get_user, METADATA),
    Route("GET", REPO, repos.get_repository, METADATA),
    Route("GET", f"{REPO}/contents/{{path}}", repos.get_contents, READ_CONTENTS),
    Route("PUT", f"{REPO}/contents/{{path}}", gitdata.put_file, WRITE_CONTENTS),
    Route("DELETE", f"{REPO}/contents/{{path}}", gitdata.delete_file, WRITE_CONTENTS),
    Route("POST", f"{REPO}/git/blobs", gitdata.create_blob, WRITE_CONTENTS),
    Route("POST", f"{REPO}/git/trees", gitdata.create_tree, WRITE_CONTENTS),
    Route("POST", f"{REPO}/git/commits", gitdata.create_commit, WRITE_CONTENTS),
    Route("POST", f"{REPO}/git/refs", gitdata.create_ref, WRITE_CONTENTS),
    Route("PATCH", f"{REPO}/git/refs/{{ref}}", gitdata.update_ref, WRITE_CONTENTS),
    Route("DELETE", f"{REPO}/git/refs/{{ref}}", gitdata.delete_ref, WRITE_CONTENTS),
    Route("GET", f"{REPO}/compare/{{basehead}}", repos.compare, READ_CONTENTS),
    Route("GET", f"{REPO}/branches/{{branch}}", repos.get_branch, READ_CONTENTS),
    Route("GET", f"{REPO}/git/ref/{{ref}}", repos.get_ref, READ_CONTENTS),
    Route("GET", f"{REPO}/commits/{{commit_sha}}/pulls", pulls.list_of_commit, READ_PULLS),
    Route("GET", f"{REPO}/commits/{{ref}}/check-runs", checks.list_of_ref, READ_CHECKS),
    Route("GET", f"{REPO}/commits/{{ref}}", repos.get_commit, READ_CONTENTS),
    Route("GET", f"{REPO}/collaborators/{{username}}/permission", repos.get_permission, METADATA),
    Route("GET", f"{REPO}/pulls", pulls.list_pulls, READ_PULLS),
    Route("GET", f"{REPO}/pulls/{{pull_number}}", pulls.get_pull, READ_PULLS),
    Route("POST", f"{REPO}/pulls", pulls.create_pull, WRITE_PULLS),
    Route("PATCH", f"{REPO}/pulls/{{pull_number}}", pulls.update_pull, WRITE_PULLS),
    Route("GET", f"{REPO}/pulls/{{pull_number}}/files", pulls.list_files, READ_PULLS),
    Route("GET", f"{REPO}/pulls/{{pull_number}}/merge", pulls.is_merged, READ_PULLS),
    Route("PUT", f"{REPO}/pulls/{{pull_number}}/merge", pulls.merge, WRITE_CONTENTS),
    Route("GET", f"{REPO}/pulls/{{pull_number}}/reviews", pulls.list_reviews, READ_PULLS),
    Route("POST", f"{REPO}/pulls/{{pull_number}}/reviews", pulls.create_review, WRITE_PULLS),
    Route("PUT", f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}/dismissals", pulls.dismiss_review, WRITE_PULLS),
    Route("GET", f"{REPO}/issues/comments/{{comment_id}}", pulls.get_comment, READ_PULLS),
    Route("PATCH", f"{REPO}/issues/comments/{{comment_id}}", pulls.update_comment, WRITE_PULLS),
    Route("DELETE", f"{REPO}/issues/comments/{{comment_id}}", pulls.delete_comment, WRITE_PULLS),
    Route("GET", f"{REPO}/issues/{{issue_number}}/comments", pulls.list_comments, READ_PULLS),
    Route("POST", f"{REPO}/issues/{{issue_number}}/comments", pulls.create_comment, WRITE_PULLS),
    Route("GET", f"{REPO}/releases", releases.list_releases, READ_CONTENTS),
    Route("GET", f"{REPO}/releases/latest", releases.get_latest, READ_CONTENTS),
    Route("GET", f"{REPO}/releases/tags/{{tag}}", releases.get_by_tag, READ_CONTENTS),
    Route("GET", f"{ACTIONS}/workflows", actions.list_workflows, READ_ACTIONS),
    Route("GET", f"{ACTIONS}/workflows/{{workflow_id}}", actions.get_workflow, READ_ACTIONS),
    Route("POST", f"{ACTIONS}/workflows/{{workflow_id}}/dispatches", actions.dispatch, WRITE_ACTIONS),
    Route("GET", f"{ACTIONS}/workflows/{{workflow_id}}/runs", actions.list_workflow_runs, READ_ACTIONS),
    Route("GET", f"{ACTIONS}/runs", actions.list_runs, READ_ACTIONS),
    Route("GET", f"{ACTIONS}/runs/{{run_id}}", actions.get_run, READ_ACTIONS),
    Route("GET", f"{ACTIONS}/runs/{{run_id}}/jobs", actions.list_jobs, READ_ACTIONS),
    Route("POST", f"{ACTIONS}/runs/{{run_id}}/cancel", actions.cancel, WRITE_ACTIONS),
    Route("POST", f"{ACTIONS}/runs/{{run_id}}/rerun", actions.rerun, WRITE_ACTIONS),
    Route("POST", f"{ACTIONS}/runs/{{run_id}}/rerun-failed-jobs", actions.rerun, WRITE_ACTIONS),
    Route("GET", f"{ACTIONS}/jobs/{{job_id}}", actions.get_job, READ_ACTIONS),
    Route("POST", f"{REPO}/check-runs", checks.create, WRITE_CHECKS),
    Route("GET", f"{REPO}/check-runs/{{check_run_id}}", checks.get, READ_CHECKS),
    Route("PATCH", f"{REPO}/check-runs/{{check_run_id}}", checks.update, WRITE_CHECKS),
    Route("POST", f"{REPO}/check-runs/{{check_run_id}}/rerequest", checks.rerequest, WRITE_CHECKS),
)

# it looks at the permission `contents` itself and refuses as GraphQL does
GRAPHQL = Route("POST", "/graphql", graphql.answer, METADATA)
