"""What was seen of pages once, and is to be seen again before it is told."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing was."""
    op.create_table(
        "sightings",
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("look", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("text", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["page_id"], ["pages.id"], name="fk_sightings_page_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("page_id", "job_id", name="pk_sightings"),
    )


def downgrade() -> None:
    """A job that waits for its second look begins with the first again."""
    op.drop_table("sightings")
