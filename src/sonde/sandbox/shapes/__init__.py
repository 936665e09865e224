"""GitHub's JSON for each thing in the world: one function a shape, used by the REST replies and the webhooks alike.

Where the two differ, the function says so by its name. REST replies may carry more than GitHub's description demands,
webhooks may not (tests hold both against GitHub's published descriptions).
"""
