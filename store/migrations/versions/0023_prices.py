"""Prices of pages, and those of a change."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0023"
down_revision = "0022"

HOLDS = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """The next check of a page reads the prices of the versions that are stored."""
    op.add_column("changes", sa.Column("prices", sa.JSON(), nullable=True))
    op.add_column(
        "pages", sa.Column("prices_read", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "prices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("domain_id", sa.Uuid(), nullable=False),
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("plan", sa.String(), nullable=True),
        sa.Column("amount", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("period", sa.String(20), nullable=True),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domains.id"], name="fk_prices_domain_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["page_id"], ["pages.id"], name="fk_prices_page_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_prices"),
    )
    op.create_index("ix_prices_of_page", "prices", ["page_id", "first_seen_at", "id"])
    op.create_index("ix_prices_of_domain", "prices", ["domain_id", "first_seen_at", "id"])
    op.create_index(
        "ix_prices_held", "prices", ["page_id"], sqlite_where=HOLDS, postgresql_where=HOLDS
    )
    op.create_index("ix_prices_ended_at", "prices", ["ended_at"])


def downgrade() -> None:
    """The prices are in the stored versions."""
    op.drop_table("prices")
    with op.batch_alter_table("pages") as pages:
        pages.drop_column("prices_read")
    with op.batch_alter_table("changes") as changes:
        changes.drop_column("prices")
