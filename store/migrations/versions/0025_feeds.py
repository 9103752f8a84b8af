"""Feeds."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """There is none yet."""
    op.create_table(
        "feeds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("domain_id", sa.Uuid(), nullable=True),
        sa.Column("alert_id", sa.Uuid(), nullable=True),
        sa.Column("tag", sa.String(), nullable=True),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{table}.id"], name=f"fk_feeds_{column}", ondelete="CASCADE"
            )
            for column, table in (
                ("org_id", "organisations"),
                ("domain_id", "domains"),
                ("alert_id", "alerts"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name="pk_feeds"),
        sa.UniqueConstraint("token_hash", name="uq_feeds_token_hash"),
    )
    op.create_index("ix_feeds_by_org", "feeds", ["org_id", "created_at", "id"])
    op.create_index("ix_feeds_domain_id", "feeds", ["domain_id"])
    op.create_index("ix_feeds_alert_id", "feeds", ["alert_id"])


def downgrade() -> None:
    """Their addresses answer no more."""
    op.drop_table("feeds")
