"""Parts of uploads, inventories, executions; what an inventory tells of an instance; default branches."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, add the columns; an instance that was dispatched is known by its full name."""
    _batches()
    _executions()
    _inventories()
    op.add_column("repositories", sa.Column("default_branch", sa.Text(), server_default="", nullable=False))
    for column in (
        sa.Column("declared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("component_type", sa.Text(), server_default="", nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=True),
        sa.Column("drift_enabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("misconfigured", sa.Text(), server_default="", nullable=False),
        sa.Column("pro", sa.Text(), server_default="", nullable=False),
        sa.Column("inventory_id", sa.Text(), nullable=True),
        sa.Column("inventory_at", sa.BigInteger(), nullable=True),
    ):
        op.add_column("instances", column)
    names = ("repository_id", "stack", "component")
    dispatched = sa.table("dispatches", *(sa.column(name) for name in names))
    known = sa.table("instances", *(sa.column(name) for name in names), sa.column("declared", sa.Boolean()))
    same = [dispatched.c[name] == known.c[name] for name in names]
    op.execute(sa.update(known).where(sa.exists().where(*same)).values(declared=True))


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=op.f("fk_batches_repository_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("repository_id", "kind", "batch_id", name=op.f("uq_batches_repository_id_kind_batch_id")),
    )
    op.create_index(op.f("ix_batches_touched_at"), "batches", ["touched_at"], unique=False)
    op.create_table(
        "batch_parts",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name=op.f("fk_batch_parts_batch"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("batch", "position", name=op.f("pk_batch_parts")),
    )


def _executions() -> None:
    op.create_table(
        "executions",
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("data_id", sa.Text(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_executions_workspace_id")),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=op.f("fk_executions_repository_id")),
        sa.PrimaryKeyConstraint("workspace_id", "execution_id", name=op.f("pk_executions")),
    )
    op.create_index(op.f("ix_executions_repository_id"), "executions", ["repository_id"], unique=False)
    op.create_index(op.f("ix_executions_received_at"), "executions", ["received_at"], unique=False)
    op.create_table(
        "execution_data",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_execution_data_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_execution_data")),
        sa.UniqueConstraint(
            "workspace_id",
            "execution_id",
            "author",
            "digest",
            name=op.f("uq_execution_data_workspace_id_execution_id_author_digest"),
        ),
    )
    op.create_index(op.f("ix_execution_data_received_at"), "execution_data", ["received_at"], unique=False)


def _inventories() -> None:
    op.create_table(
        "inventories",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("event_name", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=op.f("fk_inventories_repository_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventories")),
    )
    op.create_index("ix_inventories_repository", "inventories", ["repository_id", "received_at"], unique=False)
