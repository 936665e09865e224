"""Who waits for a lock, and an administrator's reason in a lock's history."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, add the column."""
    op.add_column("lock_events", sa.Column("because", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "lock_waiters",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=op.f("fk_lock_waiters_repository_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lock_waiters")),
    )
    op.create_index("ix_lock_waiters_key", "lock_waiters", ["repository_id", "instance", "asked_at", "id"])
