"""Batches of several domains that one request made are followed as one."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Every batch so far is followed by itself."""
    op.add_column("batches", sa.Column("group_id", sa.Uuid()))
    op.create_index("ix_batches_group_id", "batches", ["group_id"])


def downgrade() -> None:
    """Each batch is followed by itself again."""
    op.drop_index("ix_batches_group_id", "batches")
    with op.batch_alter_table("batches") as batches:
        batches.drop_column("group_id")
