"""Sign-in to the pages, and the index by which a pull request's page finds its triggers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of sign-in and the index."""
    op.create_table(
        "page_tokens",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_page_tokens")),
    )
    op.create_index(op.f("ix_page_tokens_expires_at"), "page_tokens", ["expires_at"], unique=False)
    op.create_table(
        "page_sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_sessions")),
        sa.UniqueConstraint("sha256", name=op.f("uq_page_sessions_sha256")),
    )
    op.create_index(op.f("ix_page_sessions_expires_at"), "page_sessions", ["expires_at"], unique=False)
    op.create_index("ix_triggers_pull", "triggers", ["repository_id", "number"], unique=False)
