"""API keys know when they were last used."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Unknown of the keys there are."""
    op.add_column("api_keys", sa.Column("last_used_at", UtcDateTime()))


def downgrade() -> None:
    """Forget it."""
    with op.batch_alter_table("api_keys") as keys:
        keys.drop_column("last_used_at")
