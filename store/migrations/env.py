"""Runs migrations on the connection that `store.migrate` hands over."""

from alembic import context

import store.backtest_tables
import store.batch_tables
import store.job_end_tables
import store.region_tables
import store.request_tables
import store.sighting_tables
import store.tables  # noqa: F401 - so that their metadata is known
from store.base import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
