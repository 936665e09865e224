"""Who may release a lock, whether it ends with its run, and how long one may be asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; their defaults change nothing."""
    op.add_column("repositories", sa.Column("unlock_by", sa.Text(), nullable=False, server_default="repository"))
    op.add_column(
        "repositories", sa.Column("locks_end_with_run", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("workspaces", sa.Column("max_lock_ttl", sa.Integer(), nullable=False, server_default="86400"))
