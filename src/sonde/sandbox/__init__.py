"""The offline GitHub: a world of repositories, pull requests and workflow runs that answers as GitHub does.

It serves GitHub's REST API, the OIDC issuer of Actions and signed webhooks from one state; git is real git, keys are
real keys, and a dispatched workflow's `run:` steps are run for real. Faults are buttons (faults.py). For tests and for
`sonde demo`; `python -m sonde.sandbox FOLDER` starts one by hand.

the state       world (all of it), state (memory, lock and file), model (records), accounts, repositories, pushes, pulls,
                reviews, checks, releases, git (real git)
workflows       workflows, runs, progress, executor, runner/ (runs `run:` steps), sample/ and sample (the demo's repository)
what is served  server, served, web, api/ (REST and GraphQL), shapes/ (GitHub's JSON), githttp (clone and push), oidc, keys
webhooks        hooks (made and signed), courier (delivered), faults (what goes wrong on purpose)

    from sonde.sandbox.executor import RecordingExecutor
    from sonde.sandbox.server import Sandbox

    runs = RecordingExecutor()                        # leave it out and workflows are run for real
    with Sandbox.start(folder, executor=runs) as github:
        world = github.world
        world.set_webhook("http://127.0.0.1:8080/webhooks")  # signed with github.webhook_secret
        infra = world.create_repository("acme/infra", {"README.md": "hello", ".github/workflows/plan.yaml": PLAN})
        world.install("acme")                         # the App, on all of acme's repositories
        world.grant(infra, "octo-dev", "write")
        world.commit(infra, "feature", {"vpc.yaml": "cidr: 10.0.0.0/8"}, author="octo-dev")
        pull = world.open_pull_request(infra, head="feature", author="octo-dev")   # pull_request.opened
        github.faults.fail_next("POST", "*/dispatches", after_effect=True)         # took effect, answers 500
        github.settle()                               # no webhook under way
        world.wait_until(lambda: world.check_runs(infra, pull.head_sha))           # what the server did about it
        runs.complete(next(iter(runs.requests)))      # workflow_run.completed
        assert not world.unknown_requests
"""
