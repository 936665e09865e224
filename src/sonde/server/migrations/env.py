"""Alembic's entry: runs migrations on the connection that `migrate.upgrade` hands over."""

from alembic import context

from sonde.server import schema

context.configure(
    connection=context.config.attributes["connection"], target_metadata=schema.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
