"""When rows were made that are to go some day, and indexes that find the oldest."""

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0014"
down_revision = "0013"

OLDEST: Final = ("batches", "changes", "keyed_requests", "snapshots")
"""Tables of many rows of which few are old."""


def upgrade() -> None:
    """Rows that are there already count as of now where nobody knows better."""
    now = sa.literal(datetime.now(UTC), UtcDateTime())
    _add_moment("discoveries", "created_at", sa.func.coalesce(sa.column("finished_at"), now))
    _add_moment("page_regions", "changed_at", now)
    for table in OLDEST:
        op.create_index(f"ix_{table}_created_at", table, ["created_at"], unique=False)


def downgrade() -> None:
    """Nothing but those moments is lost."""
    for table in OLDEST:
        op.drop_index(f"ix_{table}_created_at", table)
    for table, column in (("page_regions", "changed_at"), ("discoveries", "created_at")):
        with op.batch_alter_table(table) as altered:
            altered.drop_column(column)


def _add_moment(table: str, column: str, value: sa.ColumnElement[datetime]) -> None:
    op.add_column(table, sa.Column(column, UtcDateTime(), nullable=True))
    op.execute(sa.update(sa.table(table, sa.column(column))).values({column: value}))
    with op.batch_alter_table(table) as altered:
        altered.alter_column(column, existing_type=UtcDateTime(), nullable=False)
