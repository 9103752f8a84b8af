"""When the newest snapshot of each page was made, by which those of a site are found."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """It stands in the snapshots."""
    with op.batch_alter_table("pages") as pages:
        pages.add_column(sa.Column("snapshot_at", UtcDateTime(), nullable=True))
        pages.create_index("ix_pages_newest", ["domain_id", "snapshot_at"])
    op.execute(
        "UPDATE pages SET snapshot_at ="
        " (SELECT created_at FROM snapshots WHERE snapshots.id = pages.snapshot_id)"
    )


def downgrade() -> None:
    """It stands in the snapshots still."""
    with op.batch_alter_table("pages") as pages:
        pages.drop_index("ix_pages_newest")
        pages.drop_column("snapshot_at")
