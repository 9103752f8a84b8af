"""What kind of news a change is, who has seen it, and changes that leave no page behind."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Changes that are there already are given the least severity."""
    with op.batch_alter_table("changes") as changes:
        changes.add_column(sa.Column("severity", sa.String(), nullable=False, server_default="low"))
        changes.add_column(sa.Column("confidence", sa.Double(), nullable=False, server_default="1"))
        changes.add_column(sa.Column("acknowledged_at", UtcDateTime(), nullable=True))
        changes.add_column(sa.Column("acknowledged_by", sa.String(), nullable=True))
        changes.alter_column("after_id", existing_type=sa.Uuid(), nullable=True)
        changes.drop_constraint("uq_changes_page_id_after_id", type_="unique")
        changes.create_unique_constraint("uq_changes_page_id_job_id", ["page_id", "job_id"])


def downgrade() -> None:
    """Changes that have no place in the older schema are lost."""
    op.execute("DELETE FROM changes WHERE after_id IS NULL OR after_id = before_id")
    with op.batch_alter_table("changes") as changes:
        changes.drop_constraint("uq_changes_page_id_job_id", type_="unique")
        changes.create_unique_constraint("uq_changes_page_id_after_id", ["page_id", "after_id"])
        changes.alter_column("after_id", existing_type=sa.Uuid(), nullable=False)
        for name in ("acknowledged_by", "acknowledged_at", "confidence", "severity"):
            changes.drop_column(name)
