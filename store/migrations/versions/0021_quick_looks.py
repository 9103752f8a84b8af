"""Whether the last check of a page found it as it was, so that the next one may be a quick look."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """The first check after the upgrade finds it out."""
    op.add_column(
        "pages", sa.Column("found_same", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Without quick looks nothing needs it."""
    with op.batch_alter_table("pages") as pages:
        pages.drop_column("found_same")
