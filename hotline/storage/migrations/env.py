"""How Alembic reaches the database: over the connection that hotline.storage.upgrade hands it."""

from __future__ import annotations

from alembic import context

from hotline.storage.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
