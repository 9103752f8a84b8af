"""Cookies of kept answers, and whether a page's server answers conditional requests truthfully."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """No page is known to be answered untruthfully."""
    op.add_column("kept_answers", sa.Column("set_cookies", sa.JSON(), nullable=True))
    op.add_column(
        "pages",
        sa.Column("not_modified_count", sa.Integer(), server_default="0", nullable=False),
    )
    op.add_column(
        "pages",
        sa.Column("validators_mislead", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    """All pages are asked for conditionally again."""
    with op.batch_alter_table("pages") as pages:
        pages.drop_column("validators_mislead")
        pages.drop_column("not_modified_count")
    with op.batch_alter_table("kept_answers") as kept_answers:
        kept_answers.drop_column("set_cookies")
