"""Runs migrations on the connection that `store.db.upgrading` passes."""

from alembic import context

import store.tables  # noqa: F401 - registers the tables in the metadata
from store.db.base import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
