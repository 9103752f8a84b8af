"""The turns of a page that is deleted are found without reading those of all others."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Of the turns so far no page is known: they are free once they have passed."""
    op.add_column("host_turns", sa.Column("page_id", sa.Uuid()))
    op.create_index("ix_host_turns_page_id", "host_turns", ["page_id"])


def downgrade() -> None:
    """Look through all of them again."""
    op.drop_index("ix_host_turns_page_id", "host_turns")
    with op.batch_alter_table("host_turns") as turns:
        turns.drop_column("page_id")
