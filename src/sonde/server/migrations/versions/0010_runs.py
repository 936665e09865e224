"""Runs that were seen to live, so that a token of one that has finished is worth nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "runs_seen",
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("completed", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=op.f("fk_runs_seen_repository_id")),
        sa.PrimaryKeyConstraint("repository_id", "run_id", name=op.f("pk_runs_seen")),
    )
    op.create_index(op.f("ix_runs_seen_seen_at"), "runs_seen", ["seen_at"])
