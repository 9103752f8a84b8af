"""How pages are to be crawled, chosen for a domain or a page."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing is chosen."""
    op.add_column("domains", sa.Column("crawl_settings", sa.JSON(), nullable=True))
    op.add_column("pages", sa.Column("crawl_settings", sa.JSON(), nullable=True))
    op.add_column("pages", sa.Column("seen_under", sa.String(), nullable=True))


def downgrade() -> None:
    """What was chosen is lost."""
    with op.batch_alter_table("pages") as pages:
        pages.drop_column("seen_under")
        pages.drop_column("crawl_settings")
    with op.batch_alter_table("domains") as domains:
        domains.drop_column("crawl_settings")
