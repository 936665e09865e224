"""Permissions of jobs. Who could do everything until now still can: each repository, live session and token gets all rows."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

EVERY = (  # as of this migration; later ones are not given to anybody by it
    "affected_stacks:create",
    "exec:create",
    "git:commit",
    "instances:create",
    "instances:update",
    "locks:create",
    "locks:delete",
    "status:read",
    "sts:mint",
)


def upgrade() -> None:
    """Create the table, add the columns, and write down what was so until now."""
    made = op.create_table(
        "permissions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("permission", sa.Text(), nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("strangers", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=op.f("fk_permissions_repository_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permissions")),
        sa.UniqueConstraint(
            "repository_id",
            "permission",
            "workflow",
            "branch",
            "environment",
            "strangers",
            name="uq_permissions_row",
        ),
    )
    for table in ("sessions", "tokens"):
        op.add_column(table, sa.Column("granted", sa.Text(), server_default="", nullable=False))
        op.execute(sa.text(f"UPDATE {table} SET granted = :every").bindparams(every=" ".join(EVERY)))  # noqa: S608 - two names of ours
    linked = op.get_bind().execute(sa.text("SELECT id, created_at FROM repositories")).all()
    rows = [
        {
            "id": f"perm_{repository_id}_{number}",
            "repository_id": repository_id,
            "permission": permission,
            **dict.fromkeys(("workflow", "branch", "environment"), "*"),
            "strangers": False,
            "created_at": created_at,
        }
        for repository_id, created_at in linked
        for number, permission in enumerate(EVERY)
    ]
    if made is not None and rows:
        op.bulk_insert(made, rows)
