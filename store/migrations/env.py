"""Runs migrations on the connection that `store.db.migrations` hands over."""

from alembic import context

import store.tables  # noqa: F401 - so that their metadata is known
from store.db.base import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
