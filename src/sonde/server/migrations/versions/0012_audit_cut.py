"""Old rows of the audit log may be cut once they are exported: the anchor that stays, and the triggers that let only those go."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SAYS = "the audit log is append-only"
CUT = "SELECT cut_number FROM audit_heads WHERE audit_heads.workspace_id = OLD.workspace_id"
KEPT = f"OLD.number > COALESCE(({CUT}), 0)"
SQLITE = (
    "DROP TRIGGER audit_log_no_delete",
    f"CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log WHEN {KEPT} "
    f"BEGIN SELECT RAISE(ABORT, '{SAYS}'); END",
)
POSTGRESQL = (
    "DROP TRIGGER audit_log_append_only ON audit_log",
    "CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR TRUNCATE ON audit_log "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only()",
    "CREATE FUNCTION audit_log_only_cut() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF {KEPT} THEN RAISE EXCEPTION '{SAYS}'; END IF; RETURN OLD; END $$",
    "CREATE TRIGGER audit_log_only_cut BEFORE DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_only_cut()",
)


def upgrade() -> None:
    """Add the anchor, and let rows up to it be deleted."""
    op.add_column("audit_heads", sa.Column("cut_number", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("audit_heads", sa.Column("cut_seal", sa.Text, nullable=False, server_default=""))
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)
