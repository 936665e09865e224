"""What a repository and a workspace may set for themselves, and the name of who waits for a lock."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; their defaults change nothing."""
    op.add_column("repositories", sa.Column("min_lock_ttl", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("workspaces", sa.Column("strict_drift", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("lock_waiters", sa.Column("holder_name", sa.Text(), nullable=False, server_default=""))
