"""Who has a message of which others are still to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Of no pending message it is known that somebody has it."""
    op.add_column("deliveries", sa.Column("told", sa.JSON(none_as_null=True)))


def downgrade() -> None:
    """Forget them: they get the message once more."""
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_column("told")
