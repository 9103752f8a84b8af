"""Deliveries know until when quiet hours hold them."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """None is held but by its due time."""
    op.add_column("deliveries", sa.Column("held_until", UtcDateTime()))


def downgrade() -> None:
    """Forget it."""
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_column("held_until")
