"""GitHub's REST API over the world: `routes.ROUTES` says what there is, `answer.Api` serves it."""
