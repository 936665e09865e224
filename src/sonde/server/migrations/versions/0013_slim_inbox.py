"""An inbox that is quick to write: indexes only of what took effect, what waits and what failed."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Each webhook wrote a page of four indexes before its 202; now it writes three, two of them always the same pages."""
    op.drop_index(op.f("ix_deliveries_digest"), "deliveries")
    op.drop_index("ix_deliveries_state", "deliveries")
    for name, column, state in (
        ("ix_deliveries_done", "digest", "done"),
        ("ix_deliveries_waiting", "received_at", "received"),
        ("ix_deliveries_failed", "received_at", "failed"),
    ):
        where = sa.text(f"state = '{state}'")
        op.create_index(name, "deliveries", [column], sqlite_where=where, postgresql_where=where)
