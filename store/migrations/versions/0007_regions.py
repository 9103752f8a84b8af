"""What is learned of pages, and how often each was crawled."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Of pages that are there already nothing is known."""
    with op.batch_alter_table("pages") as pages:
        pages.add_column(sa.Column("crawls", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "page_regions",
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("section", sa.String(), nullable=True),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("crawls", sa.JSON(), nullable=False),
        sa.Column("muted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["page_id"], ["pages.id"], name="fk_page_regions_page_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("page_id", "key", name="pk_page_regions"),
    )


def downgrade() -> None:
    """What was learned is lost."""
    op.drop_table("page_regions")
    with op.batch_alter_table("pages") as pages:
        pages.drop_column("crawls")
