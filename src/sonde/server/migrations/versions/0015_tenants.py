"""PostgreSQL's row-level security as a second wall between workspaces (docs/adr/0011)."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OWN = "workspace_id = current_setting('sonde.workspace', true)"
OF_WORKSPACES = ("repositories", "sessions", "tokens", "audit_log", "audit_heads", "executions", "execution_data")
LINKED = "repository_id IN (SELECT id FROM repositories)"  # those that the reader sees
OF_REPOSITORIES = (
    "batches",
    "commits",
    "dispatches",
    "effects",
    "instance_events",
    "instances",
    "inventories",
    "lock_events",
    "lock_waiters",
    "locks",
    "permissions",
    "pull_requests",
    "runs_seen",
    "triggers",
    "uploads",
)
RULES = {
    "workspaces": OWN.replace("workspace_id", "id"),
    "batch_parts": "batch IN (SELECT id FROM batches)",
    **dict.fromkeys(OF_WORKSPACES, OWN),
    **dict.fromkeys(OF_REPOSITORIES, LINKED),
}


def upgrade() -> None:
    """Whoever is not the owner of these tables sees and writes the rows of the workspace that his transaction names."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, rule in RULES.items():
        op.execute(f"CREATE POLICY workspace ON {table} USING ({rule})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
