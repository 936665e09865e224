"""The whole schema: importing this module imports every domain's tables into `metadata`."""

from sonde.server.affected import store as affected
from sonde.server.audit import store as audit
from sonde.server.auth import permission_store as permissions
from sonde.server.auth import run_store as runs
from sonde.server.auth import store as auth
from sonde.server.chunks import store as chunks
from sonde.server.commits import store as commits
from sonde.server.dispatches import store as dispatches
from sonde.server.executions import store as executions
from sonde.server.github import store as github
from sonde.server.instances import store as instances
from sonde.server.kernel.db import metadata
from sonde.server.locks import queue_store as lock_queue
from sonde.server.locks import store as locks
from sonde.server.pulls import store as pulls
from sonde.server.stumbles import store as stumbles
from sonde.server.web import store as web
from sonde.server.webhooks import store as webhooks
from sonde.server.workspaces import store as workspaces

STORES = (
    workspaces,
    audit,
    auth,
    permissions,
    runs,
    chunks,
    locks,
    lock_queue,
    instances,
    executions,
    github,
    dispatches,
    commits,
    affected,
    pulls,
    webhooks,
    web,
    stumbles,
)

__all__ = ["STORES", "metadata"]
