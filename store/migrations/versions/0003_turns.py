"""Which discovery walks a domain, and which batches were cancelled."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """No domain is walked and no batch cancelled."""
    op.add_column("domains", sa.Column("walked_by", sa.String(), nullable=True))
    op.add_column("batches", sa.Column("cancelled_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Back to domains that are walked by whoever comes."""
    with op.batch_alter_table("batches") as batches:
        batches.drop_column("cancelled_at")
    with op.batch_alter_table("domains") as domains:
        domains.drop_column("walked_by")
