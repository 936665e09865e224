"""GitHub's REST API over the world: `routes.ROUTES` says what there is, `answer.Api` serves it.

every request   routes, answer (from a request to a reply), call (what a handler is given), limits
handlers        apps, repos, gitdata, pulls, checks, actions, releases, graphql
"""
